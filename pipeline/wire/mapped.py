"""Files as memory: mapped read-only, so that a weight is a view and costs nothing until it is used."""

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
    """A file in memory whose `descriptor` stays open, so that the kernel can copy from the file itself."""

    descriptor: int


def map_file(path: Path) -> memoryview:
    """Map a whole file read-only; an empty file gives an empty view, any other that of a MappedFile.

    Raises UsageError where there is no such file, MachineError where the machine will not let us read it.
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
    """Put the file's name in front of the place that an InvalidInputError raised inside the block names."""
    try:
        yield
    except InvalidInputError as error:
        where = f"{path}, {error.where}" if error.where else str(path)
        raise InvalidInputError(error.what, where=where, why=error.why, advice=error.advice) from error
