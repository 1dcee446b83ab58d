"""Small files of ours, in folders where others may have put something else in their place."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

LARGEST = 1 << 28  # bytes that any of them may have


class NotPlainError(OSError):
    """A folder, a pipe, a device, a socket, or a file larger than any of ours lies where one is expected."""


def read(path: Path) -> bytes:
    """Return the bytes of a file, and wait for nobody. Raises NotPlainError, OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        is_file = stat.S_ISREG(found.st_mode)
        if not is_file or found.st_size > LARGEST:
            code = errno.EFBIG if is_file else errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.ENXIO
            raise NotPlainError(code, os.strerror(code), str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return stream.read()
    finally:
        os.close(descriptor)
