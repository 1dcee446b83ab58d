"""Copying inside the kernel: no byte comes into this process, and file systems that can share blocks do so."""

from __future__ import annotations

import os


def copy_range(source: int, target: int, start: int, size: int) -> int:
    """Append `size` bytes of a file from `start` on to where `target` is written; give how many could be, perhaps 0.

    An error ends the copy and is not raised: where it is no peculiarity of this call, writing the rest meets it too.
    """
    copied = 0
    if hasattr(os, "copy_file_range"):
        try:
            while copied < size and (more := os.copy_file_range(source, target, size - copied, start + copied)):
                copied += more
        except OSError:
            pass  # another kind of file system, or a full one
    return copied
