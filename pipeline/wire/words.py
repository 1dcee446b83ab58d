"""How long a name in a file may be: it is repeated in graphs, files, messages and the report."""

from __future__ import annotations

from pipeline.errors import InvalidInputError

LONGEST = 1024  # characters of a name; networks' are seldom longer than 100


def check_name(name: str, what: str, where: str = "") -> None:
    """Raise InvalidInputError where `what`, a name, is too long."""
    if len(name) > LONGEST:
        why = f"{LONGEST:,} are the most"
        raise InvalidInputError(f"{what} has {len(name):,} characters: {name[:40]!r} ...", where=where, why=why)
