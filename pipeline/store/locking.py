"""Locks by the path of a file, each free again when its holder dies: the file system's, or what stands in for them.

A cluster may have locks of its own that reach all its machines where the file system's do not (`granted_by`). They keep
a stage from being made twice, and no more: they do not tell whether a process lives.
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

_POLL = 0.004  # seconds between two tries: a store is locked for a millisecond when each run of a zoo begins
_UNKNOWN = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # what a file system says that grants no locks
_HELD = (BlockingIOError, PermissionError)  # what one says of a lock that another holds


class Timeout(TimeoutError):  # noqa: N818 - what waiting came to, no fault
    """Another holds the lock, and has not released it in time."""


class Lock(ABC):
    """A lock that one holder has at a time."""

    @abstractmethod
    def acquire(self, timeout: float) -> None:
        """Wait for it, so many seconds; as long as it takes where they are negative. Raises Timeout, OSError."""

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
    """The lock of a file, which is made where it is missing; its folder never is.

    The folder of a store that was removed under a run would come back without the mark: so does it with the library
    filelock, which makes it before each wait.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = ExitStack()

    def acquire(self, timeout: float) -> None:
        """Wait for it, so many seconds; as long as it takes where they are negative.

        Raises Timeout, FileNotFoundError where its folder is gone, OSError.
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
        """Return whether the lock was free, and is ours now."""
        with ExitStack() as opened:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(self._path, flags, 0o666)  # a group whose umask says so shares a store
            opened.callback(os.close, descriptor)
            with suppress(*_HELD):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_nlink:  # else it was removed meanwhile, and the next one makes another
                    opened.callback(fcntl.flock, descriptor, fcntl.LOCK_UN)  # a fork may hold the descriptor open
                    self._held = opened.pop_all()
                    return True
        return False


_GRANT: ContextVar[Callable[[Path], Lock] | None] = ContextVar("_GRANT", default=None)


@contextmanager
def granted_by(grant: Callable[[Path], Lock]) -> Iterator[None]:
    """Have `grant` make the locks that are asked for inside the block, instead of the file system."""
    token = _GRANT.set(grant)
    try:
        yield
    finally:
        _GRANT.reset(token)


def by_files() -> bool:
    """Return whether the file system's locks are those that count here."""
    return _GRANT.get() is None


def lock(path: Path) -> Lock:
    """Return the lock of this name."""
    grant = _GRANT.get()
    return grant(path) if grant else FileLock(path)


def is_held(path: Path) -> bool:
    """Return whether somebody holds the file system's lock of a file or folder, for which nothing is made.

    Raises OSError where it is gone, or no locks are granted.
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
    """Raise OSError where the file system grants no locks."""
    is_held(folder)


def granted(folder: Path) -> bool:
    """Return whether the file system of a folder grants locks, at least among the processes of this machine."""
    try:
        require(folder)
    except OSError as error:
        if error.errno in _UNKNOWN:
            return False
        raise
    return True
