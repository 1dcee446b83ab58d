"""Formats a verification for people: a row for each check, and one for each step of the conversion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import formats
from pipeline.errors import InvalidInputError
from pipeline.verification.evidence import FILE, words

COLUMNS = ("checked by", "reads", "result", "values", "worst", "of output", "where")


def read(folder: Path) -> dict[str, Any] | None:
    """Return the verification in an output folder; None if there is none. Raises InvalidInputError if it is damaged."""
    path = folder / FILE
    try:
        found = dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
        if found is not None:
            _ = rows(found), steps(found), terms(found)  # which nobody could show later
        return found
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidInputError(f"{path} is damaged", why=repr(error)) from error


def rows(found: Mapping[str, Any]) -> list[tuple[str, str, str, int, float, float, str]]:
    """Return the rows of a table with COLUMNS: what each runtime checked, and the differences."""
    return [
        (
            check["by"],
            check["reads"],
            check["status"],
            check["values"],
            check["relative"],
            check.get("to_largest", ""),
            _remark(check),
        )
        for check in found["checks"]
    ]


def steps(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the rows of a table of steps: what confirms each step, or why nothing does."""
    return [(step["step"], *words(step)) for step in found.get("evidence", ())]


def terms(found: Mapping[str, Any]) -> str:
    """Return a line that states the inputs and the tolerance."""
    own = "of output: relative to an output's own max |b|"
    return f"{found['inputs']}; tolerance {found['tolerance']:g}, relative to max(1, max |b|); {own}"


def _remark(check: Mapping[str, Any]) -> str:
    if check["diverges_at"]:
        place = f"diverges at {check['diverges_at']}, {check['diverges_in']}"
        place += f": {check['why']}" if check["why"] else ""
        if check["binding"]:
            return place
        known = formats.named(check["reads"])
        guessed = known is not None and not known.is_artifact  # the user's own file, which runtimes may have to guess
        return f"{place} ({'an opinion: it guesses some modules' if guessed else 'expected: the net was edited'})"
    return str(check["why"] or check["worst_at"])
