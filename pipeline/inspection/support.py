"""The page of the documentation on what is supported, and the parts of a file that are not."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from pipeline import formats
from pipeline.errors import UsageError
from pipeline.formats import Location
from pipeline.graph.inventory import Inventory
from pipeline.inspection import operators
from pipeline.inspection.operators import Row

_HEAD = """# What is supported

Made by `torch2caffe2 operators --markdown` from the registries, and from what fixtures of each name really became when
they were converted, the usual form first (`python -m tests.recorded`); a test holds this page to them. Modules that
are one class under several names share their forms. Where cells are empty there is no such fixture: a container shows
what it holds, and of the rest other tests hold the numbers.

A row is not a promise for every combination of options: what has no exact counterpart is refused, and
`torch2caffe2 scan MODEL` lists all of that for a model at once.
"""
_PARTS = (
    ("Torch7 modules", "module", operators.module_rows),
    ("Caffe layers", "layer", operators.layer_rows),
    ("Operators of the neutral graph", "operator", operators.operator_rows),
)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A kind of part that is not supported, with its number in a file, and its first place."""

    kind: str
    count: int
    first: str


def markdown() -> str:
    """Return the page `docs/operators.md`."""
    return "\n".join([_HEAD, *(_section(title, what, rows()) for title, what, rows in _PARTS)])


def _section(title: str, what: str, rows: Iterable[Row]) -> str:
    columns = operators.columns()
    head = (what, *columns, "what it is")
    lines = [f"## {title}", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in rows:
        cells = (f"`{row.name}`", *map(row.shown, columns), row.summary.replace("|", "\\|"))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def missing(location: Location) -> tuple[Unknown, ...]:
    """Return the kinds of parts in a file that are not supported, the most frequent first.

    Raises UsageError for a file that does not contain the kinds of its parts.
    """
    known, source = formats.locate(location)
    found = known.inventory(source)
    return unknown(found, known.known(found.parts))


def unknown(found: Inventory, known: Container[str]) -> tuple[Unknown, ...]:
    """Return the kinds of parts that are not among the `known`. Raises UsageError if the inventory has no kinds."""
    if not found.parts:
        raise UsageError(f"{found.title} holds no network that could be looked at", why="\n".join(found.notes))
    if not all(part.kind for part in found.parts):
        raise UsageError(f"{found.title} does not tell the types of its layers", advice="name the network itself")
    places: dict[str, list[str]] = {}
    for part in found.parts:
        if part.kind not in known:
            places.setdefault(part.kind, []).append(part.name)
    listed = (Unknown(kind, len(names), names[0]) for kind, names in places.items())
    return tuple(sorted(listed, key=lambda each: (-each.count, each.kind)))
