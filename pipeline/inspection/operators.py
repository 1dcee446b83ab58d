"""What is supported: the names in the registries, and the forms in which they are written.

The form of a module, layer or operator depends on its options. So `recorded.json` lists the forms that the fixtures
actually had, the most common first. `python -m tests.recorded` generates it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("recorded.json")
GRAPH_COLUMN = "graph"
SHOWN = 3  # forms in a cell of a table

Form = tuple[str, ...]  # the types of layers or operators as which something is written, each once, in order
Forms = Mapping[str, tuple[Form, ...]]  # by format, the most common first


@dataclass(frozen=True, slots=True)
class Row:
    """A name of a registry, its description, and its forms in the graph and in each format."""

    name: str
    summary: str
    forms: Forms

    def shown(self, column: str) -> str:
        """Return the forms in one format as a cell of a table."""
        forms = self.forms.get(column, ())
        told = [", ".join(form) or "nothing" for form in forms[:SHOWN]]
        return " or ".join([*told, *(["..."] if len(forms) > SHOWN else [])])


@cache
def recorded() -> Mapping[str, Mapping[str, Forms]]:
    """Return the recorded forms by section ("modules", "layers", "operators") and name."""
    found = json.loads(RECORD.read_text(encoding="utf-8"))
    return {
        section: {
            name: {column: tuple(map(tuple, forms)) for column, forms in columns.items()}
            for name, columns in names.items()
        }
        for section, names in found.items()
    }


def columns() -> tuple[str, ...]:
    """Return the names of the columns with forms: the graph, and every format that is written."""
    from pipeline.formats import READ

    return (GRAPH_COLUMN, *(known.name for known in READ if known.writes))


def module_rows() -> list[Row]:
    """Return a row for each Torch7 module class."""
    from pipeline.torch7.modules import definitions

    rows = _rows("modules", {name: one.lower for name, one in definitions() if not one.where})
    rows += [Row(name, first_line(one.lower), {}) for name, one in definitions() if one.where]
    return sorted(rows, key=lambda row: row.name)


def layer_rows() -> list[Row]:
    """Return a row for each Caffe layer that is read."""
    from pipeline.caffe.read import READS

    return _rows("layers", {name: READS[name] for name in READS})


def operator_rows() -> list[Row]:
    """Return a row for each operator of the graph."""
    from pipeline.graph.operators import OPERATORS

    return _rows("operators", {name: OPERATORS[name] for name in OPERATORS})


def _rows(section: str, converters: Mapping[str, Callable[..., Any]]) -> list[Row]:
    found = recorded().get(section, {})
    rows = []
    for name, converter in converters.items():
        alike = (other for other in converters if converters[other] is converter and other in found)
        forms = found.get(name) or next((found[other] for other in alike), {})
        rows.append(Row(name, first_line(converter), forms))
    return rows


def first_line(converter: Callable[..., Any]) -> str:
    """Return the first line of a converter's docstring."""
    return (converter.__doc__ or "").strip().partition("\n")[0]


def as_json(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows as JSON values, with all forms by format."""
    return [{"name": row.name, "summary": row.summary, "forms": dict(row.forms)} for row in rows]
