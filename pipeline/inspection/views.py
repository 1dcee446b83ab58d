"""Views of an inventory: a table, a tree, a single layer in detail, statistics of weights, and all of them as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any

from pipeline.graph.inventory import Inventory, Part
from pipeline.graph.operators.receptive_field import ReceptiveField
from pipeline.graph.values import Shape
from pipeline.inspection.statistics import Statistics, statistics
from pipeline.inspection.table import Cell, TextTable

SHOWN = 60  # characters of an attribute in a table


def table(inventory: Inventory) -> TextTable:
    """Return a table with a row for each part. If no shapes are known, it has attributes instead."""
    measured = any(part.measure for part in inventory.parts)
    with_attributes = not (measured or inventory.nested)
    columns = (
        inventory.parts_are.split()[0].removesuffix("s"),
        "type",
        "inputs",
        "outputs",
        "window",
        "output shape",
        "parameters",
        "multiply-adds",
        "activations",
        "receptive field",
        "weights" if not measured else "",
        "attributes" if with_attributes else "",
        "from",
    )
    rows = [_row(part) for part in inventory.parts]
    kept = [i for i, column in enumerate(columns) if column and any(row[i] != "" for row in rows)] or [0]
    return TextTable(
        inventory.title,
        tuple(columns[i] for i in kept),
        tuple(tuple(row[i] for i in kept) for row in rows),
        (_total(inventory), *_ends(inventory), *inventory.notes),
        tuple(len(part.path) for part in inventory.parts) if inventory.nested else (),
    )


def contents_table(inventory: Inventory) -> TextTable:
    """Return a table of everything else in the file of a network, with paths as for `--root`."""
    rows = tuple(
        (held.path, held.kind, held.value, bytes_text(held.size) if held.size else "") for held in inventory.contents
    )
    title = f"{inventory.title.partition(',')[0]}: what it holds"
    remarks = () if inventory.parts else inventory.notes
    return TextTable(title, ("path", "what", "value", "size"), rows, remarks)


def _row(part: Part) -> tuple[Cell, ...]:
    known = part.measure
    return (
        part.name,
        part.kind,
        " ".join(part.inputs),
        " ".join(part.outputs) if part.outputs != (part.name,) else "",
        known.window if known else "",
        " ".join(map(shape_text, known.shapes)) if known else "",
        part.parameters or "",
        (known.multiply_adds or "") if known else "",
        known.activation_bytes if known else "",
        seen_text(known.field) if known and known.field else "",
        " ".join(f"{shape_text(array.shape)}" for array in part.weights.values()),
        " ".join(f"{name}={value_text(value)}" for name, value in part.attributes.items()),
        part.origin,
    )


def _total(inventory: Inventory) -> str:
    told = [f"{len(inventory.parts):,} {inventory.parts_are}", f"{inventory.parameters:,} parameters"]
    if any(part.measure for part in inventory.parts):
        told.append(f"{inventory.multiply_adds:,} multiply-adds")
        told.append(f"{bytes_text(inventory.activation_bytes)} of activations")
    if inventory.peak_bytes is not None:
        told[-1] += f" ({bytes_text(inventory.peak_bytes)} at once)"
    return ", ".join(told)


def _ends(inventory: Inventory) -> Iterator[str]:
    if inventory.inputs:
        ports = (f"{name} {shape_text(shape) if shape else '?'}" for name, shape in inventory.inputs.items())
        yield "inputs: " + ", ".join(ports)
    if inventory.outputs:
        yield "outputs: " + ", ".join(inventory.outputs)


@dataclass(slots=True)
class Branch:
    """A node in the tree of names: the parts directly in it, and sums over all parts in it at any depth."""

    path: tuple[str, ...]
    parts: list[Part] = field(default_factory=list)
    inside: dict[str, Branch] = field(default_factory=dict)
    parameters: int = 0
    multiply_adds: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the node, without its parts, as JSON values."""
        return {
            "path": list(self.path),
            "types": [part.kind for part in self.parts],
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
        }


def tree(inventory: Inventory) -> list[Branch]:
    """Return the tree of the parts, by module path or by the slashes in their names, outer nodes first."""
    root = Branch(())
    for part in inventory.parts:
        branch = root
        way = [branch]
        for step in part.path:
            branch = branch.inside.setdefault(step, Branch((*branch.path, step)))
            way.append(branch)
        branch.parts.append(part)
        for above in way:
            above.parameters += part.parameters
            above.multiply_adds += part.measure.multiply_adds if part.measure else 0
    places, pending = [], [root]
    while pending:
        places.append(pending.pop())
        pending += reversed(places[-1].inside.values())
    return places


def tree_table(inventory: Inventory) -> TextTable:
    """Return the tree as a table with indented rows, each with its sums."""
    rows: list[tuple[Cell, ...]] = []
    for place in tree(inventory):
        shapes = " ".join(shape_text(s) for part in place.parts if part.measure for s in part.measure.shapes)
        kinds = " ".join(part.kind for part in place.parts)
        label = f"{place.path[-1] if place.path else '.'} {kinds}".strip()
        rows.append((label, shapes, place.parameters, place.multiply_adds or ""))
    columns = ("name", "output shape", "parameters", "multiply-adds")
    depths = tuple(len(place.path) for place in tree(inventory))
    return TextTable(inventory.title, columns, tuple(rows), (_total(inventory), *inventory.notes), depths)


def layer_table(part: Part, *, with_statistics: bool) -> TextTable:
    """Return a table of everything about one part."""
    rows: list[tuple[Cell, ...]] = [("type", part.kind)]
    rows += [("from", part.origin)] if part.origin else []
    rows += [("input", name) for name in part.inputs]
    shapes = part.measure.shapes if part.measure else ()
    for i, name in enumerate(part.outputs or [""] * len(shapes)):
        rows.append(("output", f"{name} {shape_text(shapes[i]) if i < len(shapes) else ''}".strip()))
    rows += [(name, value_text(value, limit=0)) for name, value in part.attributes.items()]
    if part.measure:
        rows.append(("parameters", part.parameters))
        rows.append(("multiply-adds", part.measure.multiply_adds))
        rows.append(("activations", bytes_text(part.measure.activation_bytes)))
        rows += [("receptive field", seen_text(part.measure.field, steps=True))] if part.measure.field else []
    for name, array in part.weights.items():
        rows.append((f"weight {name}", f"{shape_text(array.shape)} {array.dtype.name}"))
        if with_statistics:
            found = zip(STATISTICS, statistics_cells(statistics(array)), strict=True)
            rows += [(f"  {what}", cell) for what, cell in found]
    return TextTable(part.name, ("", ""), tuple((row[0], _cell(row[1])) for row in rows))


def _cell(value: Cell) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}" if isinstance(value, float) else value


STATISTICS = ("min", "max", "mean", "std", "zeros", "NaN", "Inf", "histogram")


def statistics_table(title: str, parts: Sequence[Part]) -> TextTable:
    """Return a table with a row for each weight. Reads all numbers of the weights."""
    rows: list[tuple[Cell, ...]] = []
    for part in parts:
        for name, array in part.weights.items():
            kind = "" if array.dtype == "float32" else array.dtype.name
            rows.append((part.name, name, shape_text(array.shape), kind, *statistics_cells(statistics(array))))
    remark = () if rows else ("no weights are there to look at",)
    return TextTable(title, ("layer", "weight", "shape", "dtype", *STATISTICS), tuple(rows), remark)


def statistics_cells(found: Statistics) -> tuple[Cell, ...]:
    """Return the cells of the columns STATISTICS. What is not defined is empty."""
    measured = (found.minimum, found.maximum, found.mean, found.deviation)
    numbers = tuple("" if number is None else number for number in measured)
    return (*numbers, found.zeros, found.nans, found.infinities, f"[{found.spark}]")


def as_json(inventory: Inventory, parts: Sequence[Part], *, with_statistics: bool = False) -> dict[str, Any]:
    """Return some `parts` of an inventory, and its totals, as JSON values."""
    return {
        "title": inventory.title,
        "format": inventory.format,
        "inputs": {name: list(shape) if shape else None for name, shape in inventory.inputs.items()},
        "outputs": list(inventory.outputs),
        "layers": [part_json(part, with_statistics=with_statistics) for part in parts],
        "totals": {
            "layers": len(inventory.parts),
            "parameters": inventory.parameters,
            "multiply_adds": inventory.multiply_adds,
            "activation_bytes": inventory.activation_bytes,
            "peak_activation_bytes": inventory.peak_bytes,
        },
        "notes": list(inventory.notes),
        "contents": [
            {"path": held.path, "kind": held.kind, "value": held.value, "bytes": held.size}
            for held in inventory.contents
        ],
    }


def part_json(part: Part, *, with_statistics: bool) -> dict[str, Any]:
    """Return a part as JSON values."""
    known = part.measure
    return {
        "name": part.name,
        "type": part.kind,
        "path": list(part.path),
        "from": part.origin,
        "inputs": list(part.inputs),
        "outputs": list(part.outputs),
        "shapes": [list(shape) for shape in known.shapes] if known else None,
        "attributes": {name: plain(value) for name, value in part.attributes.items()},
        "window": known.window if known else "",
        "parameters": part.parameters,
        "multiply_adds": known.multiply_adds if known else None,
        "activation_bytes": known.activation_bytes if known else None,
        "receptive_field": [float(axis.size) for axis in known.field] if known and known.field else None,
        "receptive_field_step": [float(axis.step) for axis in known.field] if known and known.field else None,
        "weights": {
            name: {"shape": list(array.shape), "dtype": array.dtype.name}
            | ({"statistics": plain(asdict(statistics(array)))} if with_statistics else {})
            for name, array in part.weights.items()
        },
    }


def plain(value: Any) -> Any:  # noqa: ANN401 - any attribute
    """Return an attribute as a strict JSON value. Numbers that JSON does not have become strings."""
    if isinstance(value, float) and not abs(value) < float("inf"):
        return str(value)
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def shape_text(shape: Shape) -> str:
    """Return a shape as text for `--input`.

    >>> shape_text((1, 3, 224, 224)), shape_text(())
    ('1x3x224x224', 'scalar')
    """
    return "x".join(map(str, shape)) or "scalar"


def seen_text(fields: Sequence[ReceptiveField], *, steps: bool = False) -> str:
    """Return a receptive field as text: its size along each axis, and with `steps` the distance of its neighbours."""
    sizes = "x".join(_fraction(axis.size) for axis in fields)
    return f"{sizes} in steps of {'x'.join(_fraction(axis.step) for axis in fields)}" if steps else sizes


def _fraction(number: Fraction) -> str:
    return str(number.numerator) if number.denominator == 1 else f"{float(number):.3g}"


def bytes_text(count: int) -> str:
    """Return a number of bytes as text.

    >>> bytes_text(4096), bytes_text(5 << 20)
    ('4,096 bytes', '5.0 MiB')
    """
    return f"{count / (1 << 20):,.1f} MiB" if count >= 1 << 20 else f"{count:,} bytes"


def value_text(value: Any, limit: int = SHOWN) -> str:  # noqa: ANN401 - any attribute
    """Return an attribute as a line of text, cut after `limit` characters unless that is 0.

    >>> value_text([1.5] * 1_000_000, 14)
    '[1.5, 1.5, ...'
    """
    if limit and isinstance(value, list | tuple):
        value = value[:limit]  # of which each takes a character or more, and a comma
    if isinstance(value, str):
        text = value
    elif isinstance(value, float):
        text = f"{value:g}"
    elif isinstance(value, list | tuple) and not any(isinstance(item, list | tuple | dict) for item in value):
        text = f"[{', '.join(value_text(item, 0) for item in value)}]"
    else:
        text = json.dumps(plain(value), ensure_ascii=False)
    return text if not limit or len(text) <= limit else f"{text[: limit - 3]}..."
