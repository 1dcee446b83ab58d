"""Several conversions in one go: side by side in processes, past failures, with one result each."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.config import Options
from pipeline.errors import PipelineError, render
from pipeline.orchestration import events, record, runner

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue


@dataclass(frozen=True, slots=True)
class Result:
    """How one conversion ended, as plain values that can cross between processes."""

    model: str
    output: str
    state: str
    exit_code: int
    seconds: float
    error: str = ""
    trace: str = ""  # where in the code the error was raised
    recorded: bool = False  # there is a run.json to resume from
    run: dict[str, Any] = field(default_factory=dict)


def convert(options: Options, report: events.Reporter, command: Sequence[str] = ()) -> Result:
    """Run one conversion; what it refuses becomes a result. A bug is raised."""
    try:
        outcome = runner.run(options, report, command=command)
    except PipelineError as error:
        state = "interrupted" if error.exit_code == 130 else "failed"
        return Result(options.name, str(options.output), state, error.exit_code, 0.0, render(error), _trace(error))
    return result_of(outcome)


def result_of(outcome: runner.Outcome) -> Result:
    """Give an outcome as plain values."""
    error = render(outcome.error) if outcome.error else ""
    return Result(
        model=outcome.record.options["name"],
        output=str(outcome.output),
        state=outcome.record.state,
        exit_code=outcome.exit_code,
        seconds=round(outcome.seconds, 3),
        error=error,
        trace=_trace(outcome.error) if outcome.error else "",
        recorded=True,
        run=record.as_json(outcome.record),
    )


def convert_all(
    runs: Sequence[Options], report: events.Reporter, jobs: int, command: Sequence[str] = ()
) -> list[Result]:
    """Convert every model, `jobs` at a time, in their order; a failure does not stop the others.

    An interruption does: the results are those of the models that were begun.
    """
    if jobs == 1 or len(runs) == 1:
        results: list[Result] = []
        for options in runs:
            results.append(_guarded(options, report, command) if len(runs) > 1 else convert(options, report, command))
            if results[-1].exit_code == 130:
                break
        return results
    return _side_by_side(runs, report, min(jobs, len(runs)), command)


def _guarded(options: Options, report: events.Reporter, command: Sequence[str]) -> Result:
    """Convert one of several models: even a bug met in one leaves the others be."""
    try:
        return convert(options, report, command)
    except Exception as bug:
        text = f"error: this is a bug in torch2caffe2: {type(bug).__name__}: {bug}"
        return Result(options.name, str(options.output), "failed", 1, 0.0, text, _trace(bug))


def _trace(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(error))


def _side_by_side(runs: Sequence[Options], report: events.Reporter, jobs: int, command: Sequence[str]) -> list[Result]:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    context = get_context("spawn")
    queue: SimpleQueue[events.Event | None] = context.SimpleQueue()

    def pass_on() -> None:
        while (event := queue.get()) is not None:
            report(event)

    listener = threading.Thread(target=pass_on, daemon=True)
    listener.start()
    try:
        with ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(queue,)) as pool:
            waiting = [pool.submit(_in_worker, options, tuple(command)) for options in runs]
            try:
                return [future.result() for future in waiting]
            except KeyboardInterrupt:
                pool.shutdown(wait=True, cancel_futures=True)
                return [f.result() for f in waiting if f.done() and not f.cancelled() and not f.exception()]
    finally:
        queue.put(None)
        listener.join()


_queue: SimpleQueue[events.Event | None] | None = None


def _begin(queue: SimpleQueue[events.Event | None]) -> None:
    """Remember in a worker where its events go."""
    global _queue  # noqa: PLW0603 - a worker process is given its channel once
    _queue = queue


def _in_worker(options: Options, command: Sequence[str]) -> Result:
    assert _queue is not None
    return _guarded(options, _queue.put, command)
