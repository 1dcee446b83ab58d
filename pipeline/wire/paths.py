"""Canonical paths."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def canonical(path: Path) -> Path:
    """Return the canonical path of a file or folder: without links, and spelt as the file system lists it.

    On file systems that ignore case, as those of Windows and macOS, `Net` and `net` have the same canonical path. Parts
    that do not exist yet stay as they are spelt.
    """
    at = ""
    for name in path.resolve().parts[1:]:
        at += f"/{_listed(at, name)}"
    return Path(at or "/")


def _listed(folder: str, name: str) -> str:
    """Return a name in the spelling in which its folder lists it."""
    other = name.swapcase()
    if other == name or not os.path.lexists(f"{folder}/{other}"):  # where case counts, nearly always
        return name
    with suppress(OSError):
        if Path(f"{folder}/{other}").samefile(f"{folder}/{name}"):
            names = [path.name for path in Path(folder or "/").iterdir()]
            if name not in names:
                return next((each for each in names if each.casefold() == name.casefold()), name)
    return name
