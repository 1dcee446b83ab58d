"""Canonical paths."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from unicodedata import normalize


def canonical(path: Path) -> Path:
    """Return the canonical path of a file or folder: without links, and spelt as the file system lists it.

    On file systems that ignore case, as those of Windows and macOS, `Net` and `net` have the same canonical path; on
    those that normalize Unicode, as macOS's, so have an é of one code point and of two. Parts that do not exist yet
    stay as they are spelt.
    """
    at = ""
    for name in path.resolve().parts[1:]:
        at += f"/{_listed(at, name)}"
    return Path(at or "/")


def _listed(folder: str, name: str) -> str:
    """Return a name in the spelling in which its folder lists it."""
    others = {name.swapcase(), normalize("NFC", name), normalize("NFD", name)} - {name}
    there = [path for other in others if os.path.lexists(path := f"{folder}/{other}")]  # nearly always none
    with suppress(OSError):
        if any(Path(path).samefile(f"{folder}/{name}") for path in there):
            names = [path.name for path in Path(folder or "/").iterdir()]
            if name not in names:
                return next((each for each in names if _folded(each) == _folded(name)), name)
    return name


def _folded(name: str) -> str:
    """Return what is the same of all spellings of a name (Unicode, 3.13, canonical caseless matching)."""
    return normalize("NFD", normalize("NFD", name).casefold())
