"""Writes files to places that the user chose: reports and pictures. They never overwrite other files."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.store.machine import on_machine
from pipeline.store.writing import replace

# The texts by which such a file is recognised: a page, its JSON, a picture.
MARKS = (b'<meta name="generator" content="torch2caffe2">', b'"generator": "torch2caffe2', b"Software\0torch2caffe2")
_HEAD = 4096  # bytes at the start of a file in which the text must be


def refuse_foreign(path: Path) -> None:
    """Raise UsageError if there is something at `path` that this program has not written."""
    if not os.path.lexists(path):
        return
    with suppress(OSError):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as stream:
                head = stream.read(_HEAD)
            if any(mark in head for mark in MARKS):
                return
    raise UsageError(
        f"{path} would be overwritten",
        why="what is there was not written by this program",
        advice="choose another file, or move it away",
    )


def write(path: Path, data: bytes, what: str) -> Path:
    """Write a file, called `what` in messages, replacing only one of our own, and return its path.

    Raises UsageError as `refuse_foreign`, MachineError if it cannot be written.
    """
    refuse_foreign(path)
    with on_machine(f"writing the {what}", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, data)
    return path
