"""Paths as the file system has them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from unicodedata import normalize


def canonical(path: Path) -> Path:
    """Return the one path of a file or folder that may have many: without links, and spelt as it is listed.

    Where case does not count, as on what Windows or macOS have formatted, `Net` and `net` are one; on macOS, so are
    é as one character and as two. What is not there yet stays as it is spelt.
    """
    at = ""
    for name in path.resolve().parts[1:]:
        at += f"/{_listed(at, name)}"
    return Path(at or "/")


def _listed(folder: str, name: str) -> str:
    """Return a name as its folder lists it."""
    others = {name.swapcase(), normalize("NFC", name), normalize("NFD", name)} - {name}
    there = [path for path in (f"{folder}/{other}" for other in others) if os.path.lexists(path)]  # nearly always none
    with suppress(OSError):
        if any(Path(other).samefile(f"{folder}/{name}") for other in there):
            names = [path.name for path in Path(folder or "/").iterdir()]
            if name not in names:
                return next((each for each in names if _folded(each) == _folded(name)), name)
    return name


def _folded(name: str) -> str:
    """Return the common form of all spellings of a name (canonical caseless matching, Unicode 3.13)."""
    return normalize("NFD", normalize("NFD", name).casefold())
