"""Paths as the file system has them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from unicodedata import normalize


def canonical(path: Path) -> Path:
    """Return the one path of a file or folder that may have many: without links, and spelt as it is listed.

    Where case does not count, as on what Windows or macOS have formatted, `Net` and `net` are one; so are, for macOS,
    an é of one character and of two. What is not there yet stays as it is spelt.
    """
    at = ""
    for name in path.resolve().parts[1:]:
        at += f"/{_listed(at, name)}"
    return Path(at or "/")


def _listed(folder: str, name: str) -> str:
    """Return a name as its folder lists it."""
    others = {name.swapcase(), normalize("NFC", name), normalize("NFD", name)} - {name}
    there = [
        Path(f"{folder}/{other}") for other in others if os.path.lexists(f"{folder}/{other}")
    ]  # nearly always none
    with suppress(OSError):
        if any(other.samefile(f"{folder}/{name}") for other in there):
            names = [path.name for path in Path(folder or "/").iterdir()]
            if name not in names:
                return next((each for each in names if _folded(each) == _folded(name)), name)
    return name


def _folded(name: str) -> str:
    """Return what is the same of all spellings of a name (Unicode, 3.13, canonical caseless matching)."""
    return normalize("NFD", normalize("NFD", name).casefold())
