"""System calls that make writing faster: copies between files, and synchronising with the disk meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BufferedWriter
from threading import Event

LARGE = 1 << 20  # bytes; a second thread and these system calls pay for files of this size
_SYNC_SECONDS = 0.02  # between two calls of fsync; about 50 MB are written in this time


def copy_range(source: int, target: int, start: int, size: int) -> int:
    """Copy `size` bytes of a file, starting at `start`, to the current position of `target`.

    Returns how many bytes were copied, which may be fewer, or none. The bytes do not pass through this process, and
    file systems that can share blocks between files do so. An OSError ends the copy, but is not raised: if it is not
    peculiar to this system call, then it occurs again when the caller writes the rest.
    """
    copied = 0
    if hasattr(os, "copy_file_range"):
        try:
            while copied < size and (more := os.copy_file_range(source, target, size - copied, start + copied)):
                copied += more
        except OSError:
            pass  # for example, the file system does not support the call, or is full
    return copied


@contextmanager
def synced(file: BufferedWriter) -> Iterator[None]:
    """Ensure that all that is written to `file` in the block is on the disk at the end of the block.

    A thread calls fsync repeatedly during the block, so that little is left to do at its end. Raises OSError if any of
    these calls fails.
    """
    written = Event()

    def sync() -> None:
        while not written.wait(_SYNC_SECONDS):
            os.fsync(file.fileno())

    with ThreadPoolExecutor(1) as beside:
        syncing = beside.submit(sync)
        try:
            yield
        finally:
            written.set()
        syncing.result()
    file.flush()
    os.fsync(file.fileno())
