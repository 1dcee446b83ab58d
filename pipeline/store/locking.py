"""Locks by the path of a file, each free again when its holder dies: the file system's, or what stands in for them.

A cluster may have locks of its own that reach all its machines where the file system's do not (`granted_by`). They keep
a stage from being made twice, and no more: they do not tell whether a process lives.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Protocol

from filelock import FileLock, Timeout

__all__ = ["Lock", "Timeout", "by_files", "granted", "granted_by", "is_held", "lock", "require"]

_POLL = 0.004  # seconds between two tries: a store is locked for a millisecond when each run of a zoo begins
_UNKNOWN = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # what a file system says that grants no locks


class Lock(Protocol):
    """A lock that one holder has at a time."""

    def acquire(self, timeout: float) -> object:
        """Wait for it, so many seconds. Raises Timeout, OSError."""

    def release(self) -> object:
        """Let the next one have it."""

    def __enter__(self) -> object:
        """Wait for it as long as it takes. Raises OSError."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the next one have it."""


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
    """Return the lock of this name, to be taken at once.

    Raises FileNotFoundError where its folder is gone: filelock would make it, and so a store without its mark.
    """
    grant = _GRANT.get()
    if grant:
        return grant(path)
    path.parent.stat()
    return FileLock(path, poll_interval=_POLL, thread_local=False)


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
    """Raise OSError where the file system grants no locks: filelock would make do with files that outlive a process."""
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
