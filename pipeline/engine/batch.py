"""Several conversions in one go: side by side in processes, past failures, with one result each."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from pipeline.config import Options
from pipeline.engine import events, page, record, runner
from pipeline.errors import Interrupted, MachineError, PipelineError, as_data, render
from pipeline.stages.stage import Stage
from pipeline.store.machine import on_machine
from pipeline.supervision import STOPS, die_with

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue
    from multiprocessing.synchronize import Event


@dataclass(frozen=True, slots=True)
class ModelResult:
    """How one conversion ended, as plain values that can cross between processes."""

    model: str
    output: str
    state: str
    exit_code: int
    seconds: float
    error: str = ""
    errors: tuple[dict[str, Any], ...] = ()  # the same as data
    trace: str = ""  # where in the code the error was raised
    recorded: bool = False  # there is a run.json to resume from
    run: dict[str, Any] = field(default_factory=dict)

    @property
    def converted(self) -> bool:
        """Return whether the networks lie in the output folder, verified or not."""
        return self.state in ("done", "unverified")

    @property
    def cause(self) -> str:
        """Return in a line why it is not done."""
        return "; ".join(" at ".join(filter(None, (error["what"], error["where"]))) for error in self.errors)


@dataclass(frozen=True, slots=True)
class Job:
    """One conversion to be begun or gone on with: `go` does it, in whatever process it is called."""

    name: str
    output: Path
    go: Callable[[events.Reporter], runner.Outcome]
    refused: Callable[[PipelineError], None] | None = None  # told where it could not begin

    def result(self, report: events.Reporter) -> ModelResult:
        """Do it; what it refuses becomes a result. A bug is raised."""
        try:
            with on_machine("the conversion", self.output):
                outcome = self.go(report)
        except PipelineError as error:
            if self.refused:
                self.refused(error)
            return self.failed(error)
        return result_of(outcome)

    def failed(self, error: PipelineError) -> ModelResult:
        """Return the result where `error` is why it was not begun."""
        told, trace = (as_data(error),), _trace(error)
        return ModelResult(self.name, str(self.output), "failed", error.exit_code, 0.0, render(error), told, trace)


def new_job(options: Options, command: Sequence[str] = (), stages: Sequence[Stage] | None = None) -> Job:
    """Return the conversion that options ask for."""
    go = partial(runner.run, options, command=tuple(command), stages=stages)
    return Job(options.name, options.output, go, partial(runner.refused, options))


def resumed_job(folder: Path, **how: Any) -> Job:  # noqa: ANN401 - what `runner.resume` takes
    """Return the conversion that went to `folder`, to be gone on with."""
    return Job(folder.name, folder, partial(runner.resume, folder, **how))


def result_of(outcome: runner.Outcome) -> ModelResult:
    """Return an outcome as plain values; what several stages say alike is told once."""
    told = {render(error): as_data(error) for error in outcome.errors}
    return ModelResult(
        model=outcome.record.options["name"],
        output=str(outcome.output),
        state=outcome.record.state,
        exit_code=outcome.exit_code,
        seconds=round(outcome.seconds, 3),
        error="\n".join(told),
        errors=tuple(told.values()),
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
) -> list[ModelResult]:
    """Convert every model, as `do_all`; several have a record each before the first begins, for a resume of them."""
    if len(runs) > 1:
        for options in runs:
            runner.wait(options, command)
    return do_all([new_job(options, command, stages) for options in runs], report, jobs)


def do_all(work: Sequence[Job], report: events.Reporter, jobs: int = 1) -> list[ModelResult]:
    """Do every job, `jobs` at a time; give the results in their order. A failure does not stop the others.

    An interruption does: the results are those of the jobs that were begun.
    """
    if len(work) == 1:
        return [work[0].result(report)]
    if jobs > 1:
        return _side_by_side(work, report, min(jobs, len(work)))
    results: list[ModelResult] = []
    for job in work:
        results.append(_guarded(job, report))
        if results[-1].exit_code == Interrupted.exit_code:
            break
    return results


def write_pages(results: Sequence[ModelResult]) -> list[Path]:
    """Write the pages that conversions were asked for, once all have ended; give where they are."""
    return page.write_asked([Path(one.output) for one in results if one.recorded and one.state != "interrupted"])


def _guarded(job: Job, report: events.Reporter) -> ModelResult:
    """Do one of several jobs: even a bug met in one leaves the others be."""
    try:
        return job.result(report)
    except Exception as bug:
        error = PipelineError(f"this is a bug in torch2caffe2: {type(bug).__name__}: {bug}")
        return replace(job.failed(error), trace=_trace(bug))


def _trace(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(error))


def _side_by_side(work: Sequence[Job], report: events.Reporter, jobs: int) -> list[ModelResult]:
    """Do the work in `jobs` processes, each of which does one job after the other."""
    from concurrent.futures import Future, ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    context = get_context("spawn")
    queue: SimpleQueue[events.Event | None] = context.SimpleQueue()
    stop = context.Event()

    def pass_on() -> None:
        while (event := queue.get()) is not None:
            report(event)

    def result(job: Job, future: Future[ModelResult | None]) -> ModelResult | None:
        try:
            return future.result()
        except BrokenProcessPool:
            why = "it was killed, or there was too little memory"
            return job.failed(MachineError("a process that converts died", why=why))

    listener = threading.Thread(target=pass_on, daemon=True)
    listener.start()
    try:
        with (
            _passes_signals_on(stop),
            ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(queue, stop, os.getpid())) as pool,
        ):
            with _no_signals():  # the processes start as the work is handed out, deaf until they can hear
                waiting = [pool.submit(_work, job) for job in work]
            found = [result(job, future) for job, future in zip(work, waiting, strict=True)]
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


def _work(job: Job) -> ModelResult | None:
    """Return in a process of its own how a job ended; None where it was not begun, as the user asked to stop before."""
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
        return None if _stop.is_set() else _guarded(job, tell)
    except KeyboardInterrupt:
        return None
    finally:
        _hear_nothing()
