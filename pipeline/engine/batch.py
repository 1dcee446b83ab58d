"""Several conversions in one go: one after the other or side by side, past failures, with one result each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from pipeline.config import Options, refuse_shared_output
from pipeline.engine import events, page, runner
from pipeline.engine.behind import sending
from pipeline.engine.executors.choice import chosen
from pipeline.engine.executors.executor import Executor
from pipeline.engine.job import Job, ModelResult, new_job
from pipeline.errors import Interrupted
from pipeline.stages.stage import Stage


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
