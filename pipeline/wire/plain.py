"""Opens files in folders where others may have put something else in their place, such as a named pipe."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_LARGEST = 1 << 28  # bytes that a file may have to be read as a whole


class NotPlainError(OSError):
    """A folder, pipe, device or socket, or a file that is too large, is in the place of a file."""


def opened(path: Path) -> BinaryIO:
    """Open a file for reading, unbuffered and without blocking. Raises NotPlainError, OSError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        raise _not_plain(errno.EISDIR if stat.S_ISDIR(kind) else errno.ENXIO, path)
    return os.fdopen(descriptor, "rb", buffering=0)


def read(path: Path) -> bytes:
    """Return the bytes of a file of at most 256 MiB. Raises NotPlainError, OSError."""
    with opened(path) as stream:
        if os.fstat(stream.fileno()).st_size > _LARGEST:
            raise _not_plain(errno.EFBIG, path)
        return stream.read()


def end_of(path: Path, size: int) -> bytes:
    """Return the last `size` bytes of a file, or all of it if it is shorter. Raises NotPlainError, OSError."""
    with opened(path) as stream:
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - size))
        return stream.read(size)


def _not_plain(code: int, path: Path) -> NotPlainError:
    return NotPlainError(code, os.strerror(code), str(path))
