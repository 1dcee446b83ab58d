"""Writes files atomically: a reader, even after a crash, finds either the old bytes or the new ones.

A name is given to bytes that the disk has confirmed, and is confirmed itself before anything relies on it
(`replace_all`). Only where a reader knows what is torn, and can do without, is that left to the system (`keep`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from pipeline.wire import plain

Writer = Callable[[Path], None]  # makes a new file at the path that it is given

_PARTIAL = re.compile(r"\.(.+)\.[0-9a-f]{8}\.partial")
_SMALL = 1 << 20  # bytes: the system begins by itself to write what is larger
_AT_ONCE = 8  # files that are waited for at once


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a small new file. It is not synced to disk yet."""
    with new(path, mode) as stream:
        stream.write(data)


def new(path: Path, mode: int = 0o644) -> BinaryIO:
    """Open a new file for writing. An existing file is never overwritten, and no link is followed."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb")


def partial(path: Path) -> Path:
    """Return a unique temporary name beside `path`, for writing it."""
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.partial")


def left_partial(folder: Path, names: Container[str]) -> Iterator[Path]:
    """Yield temporary files of these names that dead processes left, in a folder with one writer at a time."""
    for path in folder.glob(".*.partial"):
        found = _PARTIAL.fullmatch(path.name)
        if found and found[1] in names and path.is_file() and not path.is_symlink():
            yield path


def replace(path: Path, data: bytes) -> None:
    """Replace a small file atomically, as `replace_all` does."""
    replace_all({path: lambda place: write(place, data)})


def replace_all(*steps: Mapping[Path, Writer]) -> None:
    """Replace files, in one folder or in many, by what their writers make.

    All are written, and the disk confirms their bytes, before any has its name; those of a step get theirs, and the
    disk confirms these, before those of the next. So a reader, and whoever comes after a power cut, sees of each file
    the old bytes or the new, and the new ones only with all of the steps before; where one cannot be written, none is
    replaced.
    """
    places = {path: partial(path) for step in steps for path in step}
    try:
        for step in steps:
            for path, make in step.items():
                make(places[path])
        confirm(*places.values())
        for step in filter(None, steps):
            for path in step:
                places[path].replace(path)
            confirm(*{path.parent for path in step})
    finally:
        for place in places.values():
            place.unlink(missing_ok=True)


def holds(path: Path, data: bytes) -> bool:
    """Return whether a small file is there, and holds these bytes."""
    with suppress(OSError):
        return plain.read(path) == data
    return False


def keep(path: Path, data: bytes) -> None:
    """Replace a small file of which a reader knows whether it is whole, and can do without: no disk is waited for.

    One that holds these bytes already is left alone.
    """
    if holds(path, data):
        return
    place = partial(path)
    try:
        write(place, data)
        place.replace(path)
    finally:
        place.unlink(missing_ok=True)


def confirm(*paths: Path) -> None:
    """Have the disk confirm the bytes of files, and the names in folders, in whatever order. Raises OSError.

    It is handed all of them before any is waited for, and all are waited for at once: small files cost little more
    together than one of them, as one commit of the journal and one flush of the disk's cache do for all.
    """
    with ExitStack() as opened:
        descriptors = [_opened(path, opened) for path in paths]
        for descriptor in descriptors:
            _begin(descriptor)
        wait = _waiting(os.getpid()).map if len(descriptors) > 1 else map
        list(wait(os.fsync, descriptors))


@cache
def _waiting(process: int) -> ThreadPoolExecutor:
    """Return the threads with which a process waits for the disk; those of its parent do not come with a fork."""
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=f"disk-{process}")


def _opened(path: Path, until: ExitStack) -> int:
    descriptor = os.open(path, os.O_RDONLY)
    until.callback(os.close, descriptor)
    return descriptor


def _begin(descriptor: int) -> None:
    """Have the system begin to write a small file: what it advises to drop from memory, Linux writes first.

    Nothing is dropped as long as it is being written.
    """
    if hasattr(os, "posix_fadvise") and os.fstat(descriptor).st_size < _SMALL:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
