"""Limits the length of names in files, since they are repeated in graphs, files, messages and the report."""

from __future__ import annotations

from pipeline.errors import InvalidInputError

LONGEST = 1024  # characters of a class, or of a key; they are seldom longer than 30
LONGEST_PATH = 1 << 16  # characters of a layer or blob, named after its path through nested modules


def check_name(name: str, what: str, where: str = "", most: int = LONGEST) -> None:
    """Raise InvalidInputError if a name is too long. `what` is the kind of name, for the message."""
    if len(name) > most:
        why = f"{most:,} are the most"
        raise InvalidInputError(f"{what} has {len(name):,} characters: {name[:40]!r} ...", where=where, why=why)
