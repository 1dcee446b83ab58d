"""Limits the length of names in files, because they are repeated in graphs, files, messages and the report."""

from __future__ import annotations

from pipeline.errors import InvalidInputError

LONGEST = 1024  # characters of the name of a class or of a key; few have more than 30
LONGEST_PATH = 1 << 16  # of a layer or blob, whose name is the path to it through nested modules


def check_name(name: str, what: str, where: str = "", most: int = LONGEST) -> None:
    """Raise InvalidInputError if a name, of `what`, has more than `most` characters."""
    if len(name) > most:
        why = f"{most:,} are the most"
        raise InvalidInputError(f"{what} has {len(name):,} characters: {name[:40]!r} ...", where=where, why=why)
