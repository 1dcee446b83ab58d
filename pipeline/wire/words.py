"""What text in a file may hold, and how long a name: it is repeated in graphs, files, messages and the report."""

from __future__ import annotations

import re

from pipeline.errors import InvalidInputError

CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")  # a byte that no text has

LONGEST = 1024  # characters of a class, or of a key; they are seldom longer than 30
LONGEST_PATH = 1 << 16  # of a layer or blob, which is called after the way to it through modules inside each other


def check_name(name: object, what: str, where: str = "", most: int = LONGEST) -> None:
    """Raise InvalidInputError where `what`, a name, is too long; a key that is a number is none."""
    if isinstance(name, str) and len(name) > most:
        why = f"{most:,} are the most"
        raise InvalidInputError(f"{what} has {len(name):,} characters: {name[:40]!r} ...", where=where, why=why)
