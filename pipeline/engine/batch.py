"""Several conversions in one go, one after the other or in parallel. A failure does not stop the others."""

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
from pipeline.engine.executors.choice import chosen
from pipeline.engine.executors.executor import Executor
from pipeline.engine.job import Job, ModelResult, new_job
from pipeline.engine.uploads import uploading
from pipeline.errors import Interrupted, PipelineError, as_data
from pipeline.stages.stage import Stage

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Look(Generic[_T]):
    """What `scan` or `plan` found for one of several models, or the `error` that prevented it."""

    model: str
    found: _T
    error: PipelineError | None = None

    @property
    def heading(self) -> str:
        """Return the heading of its section: the model's name and, if there was an error, the error."""
        return f"{self.model}: {self.error or ''}".rstrip()

    @property
    def errors(self) -> list[dict[str, Any]]:
        """Return the error, if there was one, as JSON values."""
        return [as_data(self.error)] if self.error else []


def look_at_all(runs: Sequence[Options], look: Callable[[Options], _T], nothing: _T) -> list[Look[_T]]:
    """Call `look` for every model. One that fails has `nothing` and its error; a single model's error is raised."""
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
    """Convert every model, as `do_all` does. Several are recorded before the first begins, so that all can resume."""
    jobs = [new_job(options, command, stages) for options in runs]
    with uploading(runs[0].remote_store, report) as heard:
        return do_all(jobs, heard, chosen(runs[0]), partial(_record, runs, report, command))


def _record(runs: Sequence[Options], report: events.Reporter, command: Sequence[str]) -> None:
    runner.wait(runs, report, command)
    refuse_shared_output(runs)


def do_all(
    work: Sequence[Job],
    report: events.Reporter,
    executor: Executor | None,
    begin: Callable[[], None] = lambda: None,
) -> list[ModelResult]:
    """Do every job and return the results in the same order. A failure does not stop the others.

    An interruption does: then there are results only of the jobs that had begun. With an `executor`, jobs run in
    parallel, except cached ones, which are done here. `begin` is called before the first of several jobs, while the
    executor's processes start. Raises what `begin` and the executor raise.
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
    """Write the report pages that were asked for, after all conversions have ended; return their paths."""
    ended = [one for one in results if one.recorded and one.state != "interrupted"]
    return page.write_asked([Path(one.output) for one in ended if one.run["options"]["report"]])
