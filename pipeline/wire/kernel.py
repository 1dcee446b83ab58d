"""What the kernel does for whoever asks it: copies between files, and writing to the disk while more is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BufferedWriter
from threading import Event

LARGE = 1 << 20  # bytes from which a second thread and a call of the kernel pay
_SYNC_SECONDS = 0.02  # between two times that the disk is asked for what was written: some 50 MB


def copy_range(source: int, target: int, start: int, size: int) -> int:
    """Append `size` bytes of a file from `start` on to where `target` is written; give how many could be, perhaps 0.

    No byte comes into this process, and file systems that can share blocks do so. An error ends the copy and is not
    raised: where it is no peculiarity of this call, writing the rest meets it too.
    """
    copied = 0
    if hasattr(os, "copy_file_range"):
        try:
            while copied < size and (more := os.copy_file_range(source, target, size - copied, start + copied)):
                copied += more
        except OSError:
            pass  # another kind of file system, or a full one
    return copied


@contextmanager
def synced(file: BufferedWriter) -> Iterator[None]:
    """Have the disk confirm, by the end of the block, all that was written to `file` in it.

    It begins at once, in a thread: a disk that works while the next bytes are copied is done soon after the last.
    Raises OSError for what the disk refuses, whenever it does.
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
