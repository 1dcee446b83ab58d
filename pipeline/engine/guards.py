"""What a run holds while it lives: its output folder, the signals that may stop it, and what it builds."""

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

_GLANCE = 0.1  # seconds for which one who asks whether a folder is held may keep it from a run


@contextmanager
def only_one(output: Path) -> Iterator[None]:
    """Hold the output folder itself for this run. Raises MachineError where another run has it.

    Where a cluster's locks stand in for the file system's, it is held as far as that one's reach.
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
    """Lock an open folder, if its file system grants locks; return False where another process has it."""
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
    """Call `act` with the number of what asks this process to stop, as long as the block lasts, and go on.

    What is ignored stays so; only the main thread of a process is ever asked.
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
    """Let what asks this thread to stop wait until the block is left; processes started inside inherit that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_WISHED: ContextVar[Callable[[], bool]] = ContextVar("_WISHED", default=lambda: False)


@contextmanager
def stopping_when(wished: Callable[[], bool]) -> Iterator[None]:
    """Have runs inside the block stop after a stage as soon as `wished`: where no signal reaches them."""
    token = _WISHED.set(wished)
    try:
        yield
    finally:
        _WISHED.reset(token)


@dataclass(slots=True)
class Stop:
    """Whether the user has asked a run to stop once the stage that runs is finished."""

    wished: Callable[[], bool]
    asked: bool = False
    over: bool = False  # the run has ended or been stopped, and only its record is to be saved: nothing stops that

    def obey(self) -> None:
        """Raise KeyboardInterrupt if it was asked for: a good moment."""
        if self.asked or self.wished():
            raise KeyboardInterrupt


@contextmanager
def stops_cleanly(told: Callable[[], None]) -> Iterator[Stop]:
    """Make of the first Ctrl-C a wish, which `told` is called for in a thread; a second, SIGTERM or SIGHUP stops.

    At once is a KeyboardInterrupt, wherever the run is. Who ignores Ctrl-C (`nohup`) goes on ignoring it.
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
        telling.append(threading.Thread(target=told))  # what the signal interrupted may hold the stream
        telling[0].start()

    with passes_stops_to(stop):
        try:
            yield asked
        finally:
            for thread in telling:
                thread.join()  # so that nothing is said after how the run ended


@contextmanager
def keeps_everything() -> Iterator[None]:
    """Let the collector of cycles rest while a stage builds its network, all of which lives until it is written.

    To look through it again and again is what would make a layer cost more the more of them there are.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
