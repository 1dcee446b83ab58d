"""Canonical paths of files and folders."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def canonical(path: Path) -> Path:
    """Return the canonical path of a file or folder: without symbolic links, and spelt as in its folder's listing.

    On file systems that ignore case (those of Windows and macOS usually do), `Net` and `net` have one canonical path. A
    path that does not exist yet keeps its spelling.
    """
    at = ""
    for name in path.resolve().parts[1:]:
        at += f"/{_listed(at, name)}"
    return Path(at or "/")


def _listed(folder: str, name: str) -> str:
    """Return a name as it is spelt in the listing of its folder."""
    other = name.swapcase()
    if other == name or not os.path.lexists(f"{folder}/{other}"):  # nearly always: case matters here
        return name
    with suppress(OSError):
        if Path(f"{folder}/{other}").samefile(f"{folder}/{name}"):
            names = [path.name for path in Path(folder or "/").iterdir()]
            if name not in names:
                return next((each for each in names if each.casefold() == name.casefold()), name)
    return name
