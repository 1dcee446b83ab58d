"""Paths as the file system has them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def canonical(path: Path) -> Path:
    """Return the one path of a file or folder that may have many: without links, and spelt as it is listed.

    Where case does not count, as on what Windows or macOS have formatted, `Net` and `net` are one. What is not there
    yet stays as it is spelt.
    """
    at = ""
    for name in path.resolve().parts[1:]:
        at += f"/{_listed(at, name)}"
    return Path(at or "/")


def _listed(folder: str, name: str) -> str:
    """Return a name as its folder lists it."""
    other = name.swapcase()
    if other == name or not os.path.lexists(f"{folder}/{other}"):  # where case counts, nearly always
        return name
    with suppress(OSError):
        if Path(f"{folder}/{other}").samefile(f"{folder}/{name}"):
            names = [path.name for path in Path(folder or "/").iterdir()]
            if name not in names:
                return next((each for each in names if each.casefold() == name.casefold()), name)
    return name
