"""Uses the kernel to copy between files, and to write to disk in the background."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BufferedWriter
from threading import Event

LARGE = 1 << 20  # bytes; for smaller files, threads and system calls cost more than they save
_SYNC_SECONDS = 0.02  # between two syncs, in which some 50 MB are written


def copy_range(source: int, target: int, start: int, size: int) -> int:
    """Copy `size` bytes from offset `start` of a file to the current position of `target`; return how many were copied.

    The kernel copies them, or shares blocks if the file system can. An error ends the copy without being raised: if it
    is a real problem, writing the rest will raise it, too.
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
    """Sync everything that is written to `file` inside the block to disk, by the end of the block.

    A thread starts to sync at once, so that the disk is done soon after the last bytes are written. Raises OSError if
    the disk fails, at any time.
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
