"""Several conversions in one go: one after the other or side by side, past failures, with one result each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from pipeline.config import Options, refuse_shared_output
from pipeline.engine import events, page, runner
from pipeline.engine.attempt import attempted
from pipeline.engine.behind import sending
from pipeline.engine.executors.choice import chosen
from pipeline.engine.executors.executor import Executor
from pipeline.engine.job import Job, ModelResult, new_job
from pipeline.errors import Interrupted, PipelineError, as_data
from pipeline.stages.stage import Stage

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Look(Generic[_T]):
    """What was found of one of several models; nothing where there was an `error`."""

    model: str
    found: _T
    error: PipelineError | None = None

    @property
    def heading(self) -> str:
        """Return what stands above it: the model and, where nothing was found, why."""
        return f"{self.model}: {self.error or ''}".rstrip()

    @property
    def errors(self) -> list[dict[str, Any]]:
        """Return the error as programs are told it, if there was one."""
        return [as_data(self.error)] if self.error else []


def look_at_all(runs: Sequence[Options], look: Callable[[Options], _T], nothing: _T) -> list[Look[_T]]:
    """Look at every model, past failures, which leave `nothing`. Raises what the look at the only one raises."""
    if len(runs) == 1:
        return [Look(runs[0].name, look(runs[0]))]
    found = [attempted(partial(look, options), "reading the model", options.model) for options in runs]
    return [
        Look(options.name, nothing, one) if isinstance(one, PipelineError) else Look(options.name, one)
        for options, one in zip(runs, found, strict=True)
    ]


def convert_all(
    runs: Sequence[Options],
    report: events.Reporter,
    command: Sequence[str] = (),
    stages: Sequence[Stage] | None = None,
) -> list[ModelResult]:
    """Convert every model, as `do_all`; several have a record each before the first begins, for a resume of them."""
    jobs = [new_job(options, command, stages) for options in runs]
    with sending(runs[0].remote_store, report) as heard:
        return do_all(jobs, heard, chosen(runs[0]), partial(_record, runs, report, command))


def _record(runs: Sequence[Options], report: events.Reporter, command: Sequence[str]) -> None:
    runner.wait(runs, report, command)
    refuse_shared_output(runs)


def do_all(
    work: Sequence[Job],
    report: events.Reporter,
    executor: Executor | None = None,
    begin: Callable[[], None] = lambda: None,
) -> list[ModelResult]:
    """Do every job; return the results in their order. A failure does not stop the others.

    An interruption does: the results are those of the jobs that were begun. Several go side by side where there is
    an `executor`, but for those that are cached; while it gets ready, `begin` does what is to be done before any of
    several. Raises what that and its `start` raise.
    """
    if len(work) == 1:
        return [work[0].result(report)]
    left = {number: job for number, job in enumerate(work) if executor and not job.cached()}
    with ExitStack() as stack:
        if executor and left:
            stack.callback(executor.stop)
            executor.start(list(left.values()), report)
        begin()
        results: dict[int, ModelResult | None] = {}
        for number, job in enumerate(work):
            if number not in left:
                results[number] = found = job.ended(report)
                if found.exit_code == Interrupted.exit_code:
                    break
        else:
            if executor and left:
                results |= zip(left, [result() for result in executor.submit(list(left.values()))], strict=True)
    return [found for _, found in sorted(results.items()) if found]


def write_pages(results: Sequence[ModelResult]) -> list[Path]:
    """Write the pages that conversions were asked for, once all have ended; give where they are."""
    ended = [one for one in results if one.recorded and one.state != "interrupted"]
    return page.write_asked([Path(one.output) for one in ended if one.run["options"]["report"]])
