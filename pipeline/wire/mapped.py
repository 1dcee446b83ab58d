"""Maps files read-only, so that weights are views which cost nothing until they are used."""

from __future__ import annotations

import errno
import mmap
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import InvalidInputError, MachineError, UsageError
from pipeline.wire.plain import NotPlainError, opened


class MappedFile(mmap.mmap):
    """A mapped file whose `descriptor` stays open, so that the kernel can copy from the file."""

    descriptor: int


def map_file(path: Path) -> memoryview:
    """Map a whole file read-only, and return a view of it.

    Raises UsageError if there is no such file, MachineError if it cannot be read.
    """
    try:
        with opened(path) as file:
            if os.fstat(file.fileno()).st_size == 0:
                return memoryview(b"")
            mapped = MappedFile(file.fileno(), 0, access=mmap.ACCESS_READ)
            mapped.descriptor = os.dup(file.fileno())
    except NotPlainError:
        raise UsageError(f"{path} is not a file") from None
    except OSError as error:
        raise _unreadable(path, error) from error
    weakref.finalize(mapped, os.close, mapped.descriptor)
    return memoryview(mapped)


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
