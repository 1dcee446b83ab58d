"""What is supported as a page of the documentation, and what of a file is not."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.inspection import operators
from pipeline.inspection.inventory import Inventory, Part
from pipeline.inspection.operators import Row

_HEAD = """# What is supported

Generated from the registries by `torch2caffe2 operators --markdown`; a test holds this page to them.

A row is not a promise for every combination of options: what has no exact counterpart is refused, and
`torch2caffe2 scan MODEL` lists all of that for a model at once.
"""
_PARTS = (
    ("Torch7 modules", "module", operators.module_rows),
    ("Caffe layers", "layer", operators.layer_rows),
    ("Operators of the neutral graph", "operator", operators.operator_rows),
)


@dataclass(frozen=True, slots=True)
class Missing:
    """A kind of part that nothing here reads or writes: how often it is there, and where first."""

    kind: str
    count: int
    first: str


def markdown() -> str:
    """Write the page `docs/operators.md`."""
    return "\n".join([_HEAD, *(_section(title, what, rows()) for title, what, rows in _PARTS)])


def _section(title: str, what: str, rows: Iterable[Row]) -> str:
    lines = [f"## {title}", "", f"| {what} | graph | Caffe | Caffe2 | what it is |", "|---|---|---|---|---|"]
    for row in rows:
        targets = (", ".join(names) for names in (row.operators, row.caffe, row.caffe2))
        lines.append("| " + " | ".join([f"`{row.name}`", *targets, row.summary.replace("|", "\\|")]) + " |")
    return "\n".join([*lines, ""])


def missing(found: Inventory) -> tuple[Missing, ...]:
    """List the kinds of parts in a file that are not supported, the most frequent first.

    Raises UsageError for a file that does not tell what its parts are.
    """
    known = _known(found)
    places: dict[str, list[str]] = {}
    for part in found.parts:
        if part.kind not in known:
            places.setdefault(part.kind, []).append(part.name)
    listed = (Missing(kind, len(names), names[0]) for kind, names in places.items())
    return tuple(sorted(listed, key=lambda each: (-each.count, each.kind)))


def _known(found: Inventory) -> Container[str]:
    if found.format == "t7":
        from pipeline.torch7.modules import MODULES

        return MODULES
    if found.format in ("caffe", "caffemodel"):
        from pipeline.caffe.read import READS as LAYERS
        from pipeline.caffe.read.training import LEFT_OUT

        return {*LAYERS, *LEFT_OUT}
    if found.format == "netdef":
        from pipeline.caffe2.read import READS

        return {*READS, *_fills(found.parts)}
    if found.format == "graph":
        return {row.name for row in operators.operator_rows() if row.caffe and row.caffe2}
    raise UsageError(f"{found.title} does not tell the types of its layers", advice="name the network itself")


def _fills(parts: Iterable[Part]) -> Iterator[str]:
    """Return the operators of an init_net, whose numbers could be read."""
    return (part.kind for part in parts if not part.inputs and part.weights)
