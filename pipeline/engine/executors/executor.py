"""What does jobs side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from pipeline.engine import events
from pipeline.engine.job import Job, ModelResult

Result = Callable[[], ModelResult | None]  # waits for it; None where the user asked to stop before the job was begun


class Executor(ABC):
    """Does jobs side by side, between `start` and `stop`.

    It passes on what asks this process to stop: running jobs end as a run does that is asked to, no other is begun.
    """

    @abstractmethod
    def start(self, work: Sequence[Job], report: events.Reporter) -> None:
        """Be ready to do this work; `report` hears the events of all jobs. Raises PipelineError where it cannot be."""

    @abstractmethod
    def submit(self, work: Sequence[Job]) -> list[Result]:
        """Have the work done, in whatever order; return the results in its own."""

    @abstractmethod
    def stop(self) -> None:
        """Wait until all is done, and let go of what `start` took; also where that has raised."""
