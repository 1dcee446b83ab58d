"""Locks, identified by the path of a file, and released when their holder dies.

They are locks of the file system, unless a cluster provides its own (`granted_by`), because those of its file system do
not reach all machines. Locks of a cluster only prevent a stage from being made twice; they cannot show whether a
process is alive.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

_POLL = 0.004  # seconds between two attempts; short, as each run locks the store for about a millisecond
_UNKNOWN = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # the errors of file systems without locks
_HELD = (BlockingIOError, PermissionError)  # the errors for a lock that is held by another process


class Timeout(TimeoutError):  # noqa: N818 - what waiting came to, no fault
    """The lock is held by another, who has not released it in time."""


class Lock(ABC):
    """A lock that one holder has at a time."""

    @abstractmethod
    def acquire(self, timeout: float) -> None:
        """Acquire the lock, waiting up to `timeout` seconds, or without limit if negative. Raises Timeout, OSError."""

    @abstractmethod
    def release(self) -> None:
        """Let the next one have it."""

    def __enter__(self) -> None:
        """Wait for it as long as it takes. Raises OSError."""
        self.acquire(-1)

    def __exit__(self, *error: object) -> None:
        """Let the next one have it."""
        self.release()


class FileLock(Lock):
    """The lock of a file. The file is created if it is missing, but its folder is not.

    (The library filelock creates the folder, so that a store which is removed during a run would come back without its
    marker file.)
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = ExitStack()

    def acquire(self, timeout: float) -> None:
        """Acquire the lock, waiting up to `timeout` seconds, or without limit if negative.

        Raises Timeout, FileNotFoundError if its folder is missing, OSError.
        """
        end = time.monotonic() + timeout
        while not self._taken():
            if timeout >= 0 and time.monotonic() >= end:
                raise Timeout(str(self._path))
            time.sleep(_POLL)

    def release(self) -> None:
        """Let the next one have it."""
        self._held.close()

    def _taken(self) -> bool:
        """Try to acquire the lock, and return whether that succeeded."""
        with ExitStack() as opened:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(self._path, flags, 0o666)  # writable for a group, if the umask allows it
            opened.callback(os.close, descriptor)
            with suppress(*_HELD):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_nlink:  # else it was removed meanwhile, and the next attempt creates it
                    opened.callback(fcntl.flock, descriptor, fcntl.LOCK_UN)  # a fork may hold the descriptor open
                    self._held = opened.pop_all()
                    return True
        return False


_GRANT: ContextVar[Callable[[Path], Lock] | None] = ContextVar("_GRANT", default=None)


@contextmanager
def granted_by(grant: Callable[[Path], Lock]) -> Iterator[None]:
    """Use `grant` to make locks inside the block, instead of the file system."""
    token = _GRANT.set(grant)
    try:
        yield
    finally:
        _GRANT.reset(token)


def by_files() -> bool:
    """Return whether locks of the file system are used."""
    return _GRANT.get() is None


def lock(path: Path) -> Lock:
    """Return the lock of a path."""
    grant = _GRANT.get()
    return grant(path) if grant else FileLock(path)


def is_held(path: Path) -> bool:
    """Return whether a process holds the file system's lock of a file or folder. Nothing is created.

    Raises OSError if the file is missing, or the file system has no locks.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


def require(folder: Path) -> None:
    """Raise OSError if the file system of a folder has no locks."""
    is_held(folder)


def granted(folder: Path) -> bool:
    """Return whether the file system of a folder has locks, at least among the processes of this machine."""
    try:
        require(folder)
    except OSError as error:
        if error.errno in _UNKNOWN:
            return False
        raise
    return True
