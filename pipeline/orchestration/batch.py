"""Several conversions in one go: side by side in processes, past failures, with one result each."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.config import Options
from pipeline.errors import Interrupted, MachineError, PipelineError, render
from pipeline.orchestration import events, record, runner
from pipeline.stages.stage import Stage

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

    @property
    def converted(self) -> bool:
        """Tell whether the networks lie in the output folder, verified or not."""
        return self.state in ("done", "unverified")


def convert(
    options: Options,
    report: events.Reporter,
    command: Sequence[str] = (),
    stages: Sequence[Stage] | None = None,
) -> Result:
    """Run one conversion; what it refuses becomes a result. A bug is raised."""
    try:
        outcome = runner.run(options, report, command=command, stages=stages)
    except PipelineError as error:
        return _not_run(options, error.exit_code, render(error), _trace(error))
    return result_of(outcome)


def _not_run(options: Options, exit_code: int, error: str, trace: str = "") -> Result:
    return Result(options.name, str(options.output), "failed", exit_code, 0.0, error, trace)


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
        recorded=(outcome.output / record.RECORD).exists(),
        run=record.as_json(outcome.record),
    )


def convert_all(
    runs: Sequence[Options],
    report: events.Reporter,
    jobs: int,
    command: Sequence[str] = (),
    stages: Sequence[Stage] | None = None,
) -> list[Result]:
    """Convert every model, `jobs` at a time, in their order; a failure does not stop the others.

    An interruption does: the results are those of the models that were begun.
    """
    if len(runs) == 1:
        return [convert(runs[0], report, command, stages)]
    if jobs > 1:
        return _side_by_side(runs, report, min(jobs, len(runs)), _Worker(tuple(command), stages))
    results: list[Result] = []
    for options in runs:
        results.append(_guarded(options, report, command, stages))
        if results[-1].exit_code == Interrupted.exit_code:
            break
    return results


def _guarded(
    options: Options, report: events.Reporter, command: Sequence[str], stages: Sequence[Stage] | None
) -> Result:
    """Convert one of several models: even a bug met in one leaves the others be."""
    try:
        return convert(options, report, command, stages)
    except Exception as bug:
        text = f"error: this is a bug in torch2caffe2: {type(bug).__name__}: {bug}"
        return _not_run(options, 1, text, _trace(bug))


def _trace(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(error))


def _side_by_side(runs: Sequence[Options], report: events.Reporter, jobs: int, worker: _Worker) -> list[Result]:
    """Convert in `jobs` processes, each of which converts one model after the other."""
    from concurrent.futures import Future, ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    context = get_context("spawn")
    queue: SimpleQueue[events.Event | None] = context.SimpleQueue()

    def pass_on() -> None:
        while (event := queue.get()) is not None:
            report(event)

    def result(options: Options, future: Future[Result]) -> Result:
        try:
            return future.result()
        except BrokenProcessPool:
            text = "error: a process that converts died\n  why: it was killed, or there was too little memory"
            return _not_run(options, MachineError.exit_code, text)

    listener = threading.Thread(target=pass_on, daemon=True)
    listener.start()
    try:
        with ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(queue,)) as pool:
            waiting = [pool.submit(worker, options) for options in runs]
            try:
                return [result(options, future) for options, future in zip(runs, waiting, strict=True)]
            except KeyboardInterrupt:  # the processes have it too, and end what they are at
                pool.shutdown(wait=True, cancel_futures=True)
                begun = [(o, f) for o, f in zip(runs, waiting, strict=True) if not f.cancelled()]
                return [result(options, future) for options, future in begun]
    finally:
        queue.put(None)
        listener.join()


_queue: SimpleQueue[events.Event | None] | None = None


def _begin(queue: SimpleQueue[events.Event | None]) -> None:
    """Remember in a new process where its events go; between two models it does not hear Ctrl-C."""
    global _queue  # noqa: PLW0603 - a process is given its channel once
    _queue = queue
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@dataclass(frozen=True, slots=True)
class _Worker:
    """Converts models in a process of its own."""

    command: tuple[str, ...]
    stages: Sequence[Stage] | None

    def __call__(self, options: Options) -> Result:
        assert _queue is not None
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return _guarded(options, _queue.put, self.command, self.stages)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
