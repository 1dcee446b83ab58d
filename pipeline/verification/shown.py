"""A verification as it is shown to people: a row for each that has checked a file, and for each step of the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import formats
from pipeline.verification.evidence import FILE, words

COLUMNS = ("checked by", "reads", "result", "values", "worst", "of output", "where")


def read(folder: Path) -> dict[str, Any] | None:
    """Return the verification that lies in an output folder; None where there is none."""
    path = folder / FILE
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def rows(found: Mapping[str, Any]) -> list[tuple[str, str, str, int, float, float, str]]:
    """Return under COLUMNS who checked what, and how far it is apart."""
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
    """Return for each step of the way what is known of it, and by whom or why."""
    return [(step["step"], *words(step)) for step in found.get("evidence", ())]


def terms(found: Mapping[str, Any]) -> str:
    """Return in a line on what inputs was compared, and what is allowed."""
    own = "of output: relative to an output's own max |b|"
    return f"{found['inputs']}; tolerance {found['tolerance']:g}, relative to max(1, max |b|); {own}"


def _remark(check: Mapping[str, Any]) -> str:
    if check["diverges_at"]:
        place = f"diverges at {check['diverges_at']}, {check['diverges_in']}"
        place += f": {check['why']}" if check["why"] else ""
        if check["binding"]:
            return place
        known = formats.named(check["reads"])
        guessed = known is not None and not known.is_artifact  # a file of the user's, which says less than its user
        return f"{place} ({'an opinion: it guesses some modules' if guessed else 'expected: the net was edited'})"
    return str(check["why"] or check["worst_at"])
