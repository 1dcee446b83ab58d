"""The interface of what runs jobs in parallel: processes of this machine, or a dask cluster."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from pipeline.engine import events
from pipeline.engine.job import Job, ModelResult

Result = Callable[[], ModelResult | None]  # waits for the result; None if the user stopped before the job began


class Executor(ABC):
    """Runs jobs in parallel, between `start` and `stop`.

    Signals that ask this process to stop are passed on: running jobs stop as a single run does, no other job begins.
    """

    @abstractmethod
    def start(self, work: Sequence[Job], report: events.Reporter) -> None:
        """Get ready for these jobs, whose events all go to `report`. Raises PipelineError if that fails."""

    @abstractmethod
    def submit(self, work: Sequence[Job]) -> list[Result]:
        """Begin these jobs, in any order; return a function per job, in the given order, that waits for its result.

        Raises PipelineError if they cannot begin.
        """

    @abstractmethod
    def stop(self) -> None:
        """Wait until all jobs have ended, and release what `start` acquired, even if it raised."""
