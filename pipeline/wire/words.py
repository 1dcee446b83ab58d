"""Limits what text in files may hold, and the length of names, which are repeated in graphs, messages and reports."""

from __future__ import annotations

import re

from pipeline.errors import InvalidInputError

CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")  # a byte that no text has

LONGEST = 1024  # characters of a class, or of a key; they are seldom longer than 30
LONGEST_PATH = 1 << 16  # characters of a layer or blob, named after its path through nested modules


def check_name(name: object, what: str, where: str = "", most: int = LONGEST) -> None:
    """Raise InvalidInputError if a name is too long. `what` is the kind of name; a key that is a number passes."""
    if isinstance(name, str) and len(name) > most:
        why = f"{most:,} are the most"
        raise InvalidInputError(f"{what} has {len(name):,} characters: {name[:40]!r} ...", where=where, why=why)
