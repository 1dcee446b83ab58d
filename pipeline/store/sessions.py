"""The sessions of a store: what each process is using, so that no other process removes it.

    lock             the lock that the process holds while it is alive
    keys             the keys of the artifacts that it uses
    <stage>-<id>/    its temporary folders

A process that dies leaves a session whose lock is free, which the next process that opens the store removes. Where the
locks of the file system do not reach all machines, sessions have no lock and are never removed.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.store import locking
from pipeline.wire import plain

LOCK = "lock"
_NAME = re.compile(r"\d+-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Session:
    """What one run is using in the store."""

    path: Path

    def uses(self, key: str) -> None:
        """Protect a key from being collected. Call it before the key is looked up."""
        with (self.path / "keys").open("a") as stream:
            stream.write(key + "\n")

    def temporary(self, name: str) -> Path:
        """Create an empty folder in the store, which is removed when the session ends."""
        folder = self.path / f"{name}-{os.urandom(4).hex()}"
        folder.mkdir()
        return folder


@dataclass(frozen=True, slots=True)
class Sessions:
    """All sessions of a store, in one folder. A lock keeps a new one from being removed before it has its own."""

    folder: Path
    lock_file: Path

    @contextmanager
    def open(self) -> Iterator[Session]:
        """Open a session for a run, and remove it at the end. Sessions of dead processes are removed first."""
        place = self.folder / f"{os.getpid()}-{os.urandom(4).hex()}"
        try:
            with self._locked(place) if locking.by_files() else _unlocked(place):
                yield Session(place)
        finally:
            _remove(place)

    @contextmanager
    def _locked(self, place: Path) -> Iterator[None]:
        """Create the folder of a session, and hold its lock."""
        with locking.lock(self.lock_file):
            self._sweep()
            place.mkdir()
            held = locking.lock(place / LOCK)
            held.acquire(timeout=-1)
        try:
            yield
        finally:
            with suppress(OSError):
                held.release()

    def dead(self) -> list[Path]:
        """Return the sessions of dead processes."""
        with locking.lock(self.lock_file):
            return self._dead()

    def sweep(self) -> None:
        """Remove the sessions of dead processes."""
        with locking.lock(self.lock_file):
            self._sweep()

    def keys_in_use(self) -> set[str]:
        """Return the keys that runs in progress use."""
        keys: set[str] = set()
        for place in self._all():
            with suppress(OSError, ValueError):
                keys.update(plain.read(place / "keys").decode().split())
        return keys

    def _all(self) -> Iterator[Path]:
        return folders_named(self.folder.iterdir(), _NAME)

    def _dead(self) -> list[Path]:
        return sorted(place for place in self._all() if (place / LOCK).is_file() and not is_alive(place))

    def _sweep(self) -> None:
        for place in self._dead():
            _remove(place)
        for place in self._all():
            with suppress(OSError):  # it is not empty; an empty one belongs to a process that died before it had a lock
                place.rmdir()


def is_alive(session: Path) -> bool:
    """Return whether the process of a session is alive, on this machine or another one."""
    try:
        return locking.is_held(session / LOCK)
    except FileNotFoundError:  # it has just ended
        return False


def folders_named(paths: Iterable[Path], form: re.Pattern[str]) -> Iterator[Path]:
    """Yield the folders whose names have a form of ours. Links and other files are left alone."""
    return (path for path in paths if form.fullmatch(path.name) and path.is_dir() and not path.is_symlink())


@contextmanager
def _unlocked(place: Path) -> Iterator[None]:
    """Create the folder of a session without a lock. It is never empty, so that nobody removes it."""
    fresh = place.with_name(f".{place.name}")
    fresh.mkdir()
    (fresh / "keys").touch()
    fresh.rename(place)
    yield


def _remove(place: Path) -> None:
    """Remove the folder of a session, its lock last, so that after a crash another process removes the rest."""
    with suppress(OSError):
        for inner in place.iterdir():
            if inner.is_dir() and not inner.is_symlink():
                shutil.rmtree(inner, ignore_errors=True)
            elif inner.name != LOCK:
                inner.unlink()
    shutil.rmtree(place, ignore_errors=True)
