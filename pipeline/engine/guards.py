"""Guards a run: locks its output folder, handles the signals that may stop it, and pauses garbage collection."""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import MachineError
from pipeline.store import locking
from pipeline.store.machine import on_machine
from pipeline.supervision import STOPS

_GLANCE = 0.1  # seconds for which a process that only checks the lock of a folder may hold it


@contextmanager
def only_one(output: Path) -> Iterator[None]:
    """Lock the output folder for this run. Raises MachineError if another run has locked it.

    If the locks of a cluster replace those of the file system, the lock works as far as the file system's reach.
    """
    with on_machine("locking the output folder", output):
        folder = os.open(output, os.O_RDONLY | os.O_DIRECTORY)
    try:
        until = time.monotonic() + _GLANCE
        while not _locked(folder, output):
            if time.monotonic() > until:
                raise MachineError(
                    "another run is writing there",
                    where=str(output),
                    advice="wait for it, or choose another --output",
                )
            time.sleep(_GLANCE / 10)
        yield
    finally:
        os.close(folder)


def _locked(folder: int, output: Path) -> bool:
    """Lock an open folder, if its file system supports locks. Return False if another process has locked it."""
    with on_machine("locking the output folder", output), suppress(BlockingIOError):
        if _has_locks(output):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def is_held(output: Path) -> bool:
    """Return whether a run holds an output folder. Raises MachineError where that cannot be told."""
    with on_machine("locking the output folder", output):
        return _has_locks(output) and locking.is_held(output)


def _has_locks(output: Path) -> bool:
    """Return whether runs lock their folders there: as ever, but where a cluster makes up for a file system's lack."""
    return locking.by_files() or locking.granted(output)


@contextmanager
def passes_stops_to(act: Callable[[int], None]) -> Iterator[None]:
    """Inside the block, call `act` with the number of each signal to stop, instead of stopping.

    Signals that are ignored stay ignored. Outside the main thread, which receives all signals, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [n for n in STOPS if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, lambda number, frame: act(number)) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def no_signals() -> Iterator[None]:
    """Delay signals to stop until the end of the block. Processes that are started inside inherit this."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_WISHED: ContextVar[Callable[[], bool]] = ContextVar("_WISHED", default=lambda: False)


@contextmanager
def stopping_when(wished: Callable[[], bool]) -> Iterator[None]:
    """Let runs inside the block stop after a stage once `wished` returns true; for runs that no signal reaches."""
    token = _WISHED.set(wished)
    try:
        yield
    finally:
        _WISHED.reset(token)


@dataclass(slots=True)
class Stop:
    """Whether the user has asked a run to stop after the current stage."""

    wished: Callable[[], bool]
    asked: bool = False
    over: bool = False  # the run has ended, and nothing must interrupt saving its record

    def obey(self) -> None:
        """Raise KeyboardInterrupt if a stop was asked for. Called where stopping is safe."""
        if self.asked or self.wished():
            raise KeyboardInterrupt


@contextmanager
def stops_cleanly(told: Callable[[], None]) -> Iterator[Stop]:
    """Let the first Ctrl-C only ask to stop, and call `told` in a thread; a second one, SIGTERM or SIGHUP stop at once.

    Stopping at once raises KeyboardInterrupt, wherever the run is. If Ctrl-C is ignored (`nohup`), it stays ignored.
    """
    asked = Stop(_WISHED.get())
    telling: list[threading.Thread] = []

    def stop(number: int) -> None:
        if asked.over:
            return
        if asked.asked or number != signal.SIGINT:
            asked.over = True
            raise KeyboardInterrupt
        asked.asked = True
        telling.append(threading.Thread(target=told))  # a thread, since the interrupted code may be using the stream
        telling[0].start()

    with passes_stops_to(stop):
        try:
            yield asked
        finally:
            for thread in telling:
                thread.join()  # so that nothing is printed after the result of the run


@contextmanager
def keeps_everything() -> Iterator[None]:
    """Disable garbage collection while a stage builds its network, all of which stays alive until it is written.

    Scanning the network again and again would make each layer cost more, the more layers there are.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
