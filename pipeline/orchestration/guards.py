"""What a run holds while it lives: its output folder, the signals that may stop it, and what it builds."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from filelock import Timeout

from pipeline.errors import MachineError
from pipeline.orchestration.digests import digest_of
from pipeline.orchestration.machine import on_machine
from pipeline.orchestration.store import Store


@contextmanager
def only_one(store: Store, output: Path) -> Iterator[None]:
    """Hold the output folder for this run. Raises MachineError where another run has it."""
    lock = store.lock("output-" + digest_of("output", str(output.resolve()))[:32])
    try:
        with on_machine("locking the output folder", output):
            lock.acquire(timeout=0)
    except Timeout:
        raise MachineError(
            "another run is writing there",
            where=str(output),
            advice="wait for it, or choose another --output",
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def stops_cleanly() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C, so that a stopped job is recorded as interrupted and can be resumed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


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
