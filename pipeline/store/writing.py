"""Writes small files so that a reader, or whoever comes after a crash, finds the old bytes or the new ones."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterator
from pathlib import Path
from typing import BinaryIO

_PARTIAL = re.compile(r"\.(.+)\.[0-9a-f]{8}\.partial")


def write_durably(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a small file that is not there yet and have the disk confirm it."""
    with new(path, mode) as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def new(path: Path, mode: int = 0o644) -> BinaryIO:
    """Open a file to write that is not there yet: nothing that lies there is written over, no link is followed."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb")


def partial(path: Path) -> Path:
    """Return the name of a file that `path` is written as until it is whole, never the same twice."""
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.partial")


def left_partial(folder: Path, names: Container[str]) -> Iterator[Path]:
    """Yield what processes that died have left of files of these names, in a folder with one writer at a time."""
    for path in folder.glob(".*.partial"):
        found = _PARTIAL.fullmatch(path.name)
        if found and found[1] in names and path.is_file() and not path.is_symlink():
            yield path


def replace(path: Path, data: bytes) -> None:
    """Replace a small file in one step: a reader, and whoever comes after a power cut, sees the old bytes or the new.

    When it returns the disk has confirmed the new ones.
    """
    temporary = partial(path)
    try:
        write_durably(temporary, data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


def sync(path: Path) -> None:
    """Have the disk confirm the bytes of a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
