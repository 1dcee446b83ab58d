"""Several conversions in one go: side by side in processes, past failures, with one result each."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import active_children
from types import FrameType
from typing import TYPE_CHECKING, Any

from pipeline.config import Options
from pipeline.engine import events, record, runner
from pipeline.errors import Interrupted, MachineError, PipelineError, render
from pipeline.stages.stage import Stage
from pipeline.store.machine import on_machine
from pipeline.supervision import STOPS, die_with

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue
    from multiprocessing.synchronize import Event


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
        """Return whether the networks lie in the output folder, verified or not."""
        return self.state in ("done", "unverified")


def convert(
    options: Options,
    report: events.Reporter,
    command: Sequence[str] = (),
    stages: Sequence[Stage] | None = None,
) -> Result:
    """Run one conversion; what it refuses becomes a result. A bug is raised."""
    try:
        with on_machine("the conversion", options.output):
            outcome = runner.run(options, report, command=command, stages=stages)
    except PipelineError as error:
        return _not_run(options, error.exit_code, render(error), _trace(error))
    return result_of(outcome)


def _not_run(options: Options, exit_code: int, error: str, trace: str = "") -> Result:
    return Result(options.name, str(options.output), "failed", exit_code, 0.0, error, trace)


def result_of(outcome: runner.Outcome) -> Result:
    """Return an outcome as plain values."""
    error = "\n".join(map(render, outcome.errors))
    return Result(
        model=outcome.record.options["name"],
        output=str(outcome.output),
        state=outcome.record.state,
        exit_code=outcome.exit_code,
        seconds=round(outcome.seconds, 3),
        error=error,
        trace="".join(map(_trace, outcome.errors)),
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
    stop = context.Event()

    def pass_on() -> None:
        while (event := queue.get()) is not None:
            report(event)

    def result(options: Options, future: Future[Result | None]) -> Result | None:
        try:
            return future.result()
        except BrokenProcessPool:
            text = "error: a process that converts died\n  why: it was killed, or there was too little memory"
            return _not_run(options, MachineError.exit_code, text)

    listener = threading.Thread(target=pass_on, daemon=True)
    listener.start()
    try:
        with (
            _passes_signals_on(stop),
            ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(queue, stop, os.getpid())) as pool,
        ):
            with _no_signals():  # the processes start as the work is handed out, deaf until they can hear
                waiting = [pool.submit(worker, options) for options in runs]
            found = [result(options, future) for options, future in zip(runs, waiting, strict=True)]
            return [one for one in found if one is not None]
    finally:
        queue.put(None)
        listener.join()


@contextmanager
def _passes_signals_on(stop: Event) -> Iterator[None]:
    """Pass Ctrl-C and SIGTERM on to the processes that convert, and begin no further model once there was one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def pass_on(number: int, frame: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
        for process in active_children():
            with suppress(ProcessLookupError):
                os.kill(process.pid or 0, number)

    heard = [n for n in STOPS if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, pass_on) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _no_signals() -> Iterator[None]:
    """Let what asks this thread to stop wait until the block is left; processes started inside inherit that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_queue: SimpleQueue[events.Event | None] | None = None
_stop: Event | None = None


def _begin(queue: SimpleQueue[events.Event | None], stop: Event, parent: int) -> None:
    """Remember in a new process where its events go; it hears of Ctrl-C from its parent only, and dies with that."""
    global _queue, _stop
    _queue, _stop = queue, stop
    if sys.platform == "linux":
        die_with(parent)
    _hear_nothing()
    os.setpgid(0, 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def _hear_nothing() -> None:
    """Let signals pass while there is no run; that the user has asked to stop is remembered in `_stop`."""
    for number in STOPS:
        signal.signal(number, lambda number, frame: None)


def _tell(event: events.Event) -> None:
    """Pass an event on, whole: a signal in between would leave the queue's lock held for all processes."""
    assert _queue is not None
    with _no_signals():
        _queue.put(event)


@dataclass(frozen=True, slots=True)
class _Worker:
    """Converts models in a process of its own."""

    command: tuple[str, ...]
    stages: Sequence[Stage] | None

    def __call__(self, options: Options) -> Result | None:
        """Return how the conversion ended; None where it was not begun, as the user asked to stop before."""
        assert _stop is not None
        begun = False

        def tell(event: events.Event) -> None:
            nonlocal begun
            begun = True
            _tell(event)

        def stop(number: int, frame: FrameType | None) -> None:
            if not begun:  # from then on the run listens itself, and nothing may cost its result
                raise KeyboardInterrupt

        try:
            for number in STOPS:
                signal.signal(number, stop)
            return None if _stop.is_set() else _guarded(options, tell, self.command, self.stages)
        except KeyboardInterrupt:
            return None
        finally:
            _hear_nothing()
