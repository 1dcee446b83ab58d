"""Runs conversions in processes of this machine, each of which does one job after the other."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from multiprocessing import active_children, get_context
from types import FrameType
from typing import TYPE_CHECKING

from pipeline.engine import events
from pipeline.engine.executors.executor import Executor, Result
from pipeline.engine.executors.telling import Telling
from pipeline.engine.guards import no_signals, passes_stops_to
from pipeline.engine.job import Job, ModelResult
from pipeline.errors import Interrupted, MachineError
from pipeline.stages.discovery import discover
from pipeline.supervision import STOPS, die_with

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue
    from multiprocessing.synchronize import Event

    Told = SimpleQueue[Sequence[events.Event] | None]  # None ends the listening


class Processes(Executor):
    """At most `count` processes. If one dies, all of them end, and the remaining jobs run one at a time."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._context = get_context("spawn")
        self._asked = self._context.Event()  # set when the user asks to stop
        self._held = ExitStack()
        self._single: ProcessPoolExecutor | None = None

    def start(self, work: Sequence[Job], report: events.Reporter) -> None:
        """Start the processes, with signals blocked until they can handle them."""
        self._report = report

        def pass_on(number: int) -> None:
            if not self._asked.is_set():
                self._asked.set()
            for process in active_children():
                with suppress(ProcessLookupError):
                    os.kill(process.pid or 0, number)

        self._held.enter_context(passes_stops_to(pass_on))
        count = min(self.count, len(work))
        self._pool = self._held.enter_context(self._heard(count))
        with no_signals():
            for _ in range(count):
                self._pool.submit(_load)

    @contextmanager
    def _heard(self, count: int) -> Iterator[ProcessPoolExecutor]:
        """Start a pool of processes. Their events are reported, even the last ones after it has ended."""
        queue: Told = self._context.SimpleQueue()

        def listen() -> None:
            while (told := queue.get()) is not None:
                for event in told:
                    self._report(event)

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        how = (queue, self._asked, os.getpid())
        try:
            with ProcessPoolExecutor(count, self._context, initializer=_begin, initargs=how) as pool:
                yield pool
        finally:
            queue.put(None)
            listener.join()

    def submit(self, work: Sequence[Job]) -> list[Result]:
        """Queue the jobs for the pool."""
        with no_signals():
            return [partial(self._result, job, _handed(self._pool, job)) for job in work]

    def _result(self, job: Job, future: Future[ModelResult | None] | None) -> ModelResult | None:
        if future:
            with suppress(BrokenProcessPool):
                return future.result()
        return self._alone(job)

    def _alone(self, job: Job) -> ModelResult | None:
        """Run one of the jobs that remained, alone: it has more memory, and if its process dies, this job was why."""
        with no_signals():
            if self._single is None:
                self._single = self._held.enter_context(self._heard(1))
            future = self._single.submit(_work, job)
        try:
            return future.result()
        except BrokenProcessPool:
            self._single = None
            why = "it was killed, or there was too little memory"
            return job.failed(MachineError("the process that converted it died", why=why))

    def stop(self) -> None:
        """Wait for the processes to end, then for the last of their events."""
        self._held.close()


def _handed(pool: ProcessPoolExecutor, job: Job) -> Future[ModelResult | None] | None:
    """Queue a job; None if a process of the pool has died already."""
    with suppress(BrokenProcessPool):
        return pool.submit(_work, job)
    return None


_telling: Telling | None = None
_stop: Event | None = None


def _begin(queue: Told, stop: Event, parent: int) -> None:
    """Set up a new process: where its events go, that it dies with its parent, and which signals it handles.

    It leaves the terminal's process group, so that Ctrl-C reaches it through its parent only.
    """
    global _telling, _stop
    _telling, _stop = Telling(queue.put, _later), stop
    if sys.platform == "linux":
        die_with(parent)
    _hear_nothing()
    os.setpgid(0, 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def _later(seconds: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


def _hear_nothing() -> None:
    """Ignore signals that the user's request to stop has caused; it is set in `_stop`. Others end the process."""
    for number in STOPS:
        signal.signal(number, lambda number, frame: _end_unasked())


def _end_unasked() -> None:
    """End this process if it was told to without the user's request: its pool is broken, and waits for its end."""
    assert _stop is not None
    if not _stop.is_set():
        os._exit(1)


def _load() -> None:
    """Import what every job needs, before the first one comes."""
    discover()


def _work(job: Job) -> ModelResult | None:
    """Run a job in a process of the pool and return its result; None if the user asked to stop before it began."""
    assert _telling is not None
    assert _stop is not None
    begun = False

    def tell(event: events.Event) -> None:
        nonlocal begun
        begun = True
        with no_signals():  # an interruption here would leave a lock held for ever
            _telling(event)

    def stop(number: int, frame: FrameType | None) -> None:
        if not begun:  # afterwards the run handles signals itself, and its result must not be lost
            raise KeyboardInterrupt

    try:
        for number in STOPS:
            signal.signal(number, stop)
        ended = None if _stop.is_set() else job.ended(tell)
    except KeyboardInterrupt:
        ended = None
    with no_signals():
        _telling.tell()  # before the result is returned, after which nobody listens
    _hear_nothing()
    if ended is None or ended.exit_code == Interrupted.exit_code:
        _end_unasked()
    return ended
