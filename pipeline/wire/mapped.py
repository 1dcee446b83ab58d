"""Maps files read-only, so that weights are views which cost nothing until they are used."""

from __future__ import annotations

import errno
import mmap
import os
import stat
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import InvalidInputError, MachineError, UsageError


class MappedFile(mmap.mmap):
    """A mapped file whose `descriptor` stays open, so that the kernel can copy from the file."""

    descriptor: int


def map_file(path: Path) -> memoryview:
    """Map a whole file read-only, and return a view of it.

    Raises UsageError if there is no such file, MachineError if it cannot be read.
    """
    try:
        # Non-blocking: a named pipe given by mistake must be refused below, not waited for.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{path} is not a file")
        if status.st_size == 0:
            return memoryview(b"")
        mapped = MappedFile(descriptor, 0, access=mmap.ACCESS_READ)
        mapped.descriptor = os.dup(descriptor)
        weakref.finalize(mapped, os.close, mapped.descriptor)
        return memoryview(mapped)
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: OSError) -> UsageError | MachineError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP):
        return UsageError(f"{path} cannot be read", why=error.strerror or "")
    return MachineError(f"{path} cannot be read", why=error.strerror or "")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Add the name of the file to the place in an InvalidInputError that is raised inside the block."""
    try:
        yield
    except InvalidInputError as error:
        where = f"{path}, {error.where}" if error.where else str(path)
        raise InvalidInputError(error.what, where=where, why=error.why, advice=error.advice) from error
