"""What a run holds while it lives: its output folder, the signals that may stop it, and what it builds."""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from pipeline.errors import MachineError
from pipeline.store.machine import on_machine
from pipeline.supervision import STOPS


@contextmanager
def only_one(output: Path) -> Iterator[None]:
    """Hold the output folder itself for this run. Raises MachineError where another run has it."""
    with on_machine("locking the output folder", output):
        folder = os.open(output, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(folder, output)
        yield
    finally:
        os.close(folder)


def _lock(folder: int, output: Path) -> None:
    try:
        with on_machine("locking the output folder", output):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise MachineError(
            "another run is writing there",
            where=str(output),
            advice="wait for it, or choose another --output",
        ) from None


@dataclass(slots=True)
class Stop:
    """Whether the user has asked a run to stop once the stage that runs is finished."""

    asked: bool = False
    over: bool = False  # the run has ended or been stopped, and only its record is to be saved: nothing stops that

    def obey(self) -> None:
        """Raise KeyboardInterrupt if it was asked for: a good moment."""
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def stops_cleanly(told: Callable[[], None]) -> Iterator[Stop]:
    """Make of the first Ctrl-C a wish, which `told` is called for in a thread; a second, SIGTERM or SIGHUP stops.

    At once is a KeyboardInterrupt, wherever the run is. Who ignores Ctrl-C (`nohup`) goes on ignoring it.
    """
    asked = Stop()
    telling: list[threading.Thread] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def stop(number: int, frame: FrameType | None) -> None:
        if asked.over:
            return
        if asked.asked or number != signal.SIGINT:
            asked.over = True
            raise KeyboardInterrupt
        asked.asked = True
        telling.append(threading.Thread(target=told))  # what the signal interrupted may hold the stream
        telling[0].start()

    heard = [n for n in STOPS if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield asked
    finally:
        for thread in telling:
            thread.join()  # so that nothing is said after how the run ended
        for number, handler in before.items():
            signal.signal(number, handler)


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
