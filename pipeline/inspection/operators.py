<<<<<<< HEAD
"""What is supported: the names in the registries, and what each became whenever it was converted.
=======
"""What is supported, told by the registries: module -> graph operators -> what Caffe, Caffe2 and ONNX call it.
>>>>>>> onnx

What a module, layer or operator is written as depends on its options. So `recorded.json` holds what fixtures of it
really gave, the usual form first; `python -m tests.recorded` makes it anew.
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
SHOWN = 3  # forms that a table shows

Form = tuple[str, ...]  # what something is written as: the types of layers or operators, each once, in order
Forms = Mapping[str, tuple[Form, ...]]  # by format, the usual one first


@dataclass(frozen=True, slots=True)
class Row:
    """One name of a registry, what it is, and the forms that it takes in the graph and in each format."""

    name: str
    summary: str
<<<<<<< HEAD
    forms: Forms

    def shown(self, column: str) -> str:
        """Return the forms in one format as a cell of a table."""
        forms = self.forms.get(column, ())
        told = [", ".join(form) or "nothing" for form in forms[:SHOWN]]
        return " or ".join([*told, *(["..."] if len(forms) > SHOWN else [])])


@cache
def recorded() -> Mapping[str, Mapping[str, Forms]]:
    """Return what was recorded: by section ("modules", "layers", "operators") and name."""
    found = json.loads(RECORD.read_text(encoding="utf-8"))
    return {
        section: {
            name: {column: tuple(map(tuple, forms)) for column, forms in columns.items()}
            for name, columns in names.items()
        }
        for section, names in found.items()
    }


def columns() -> tuple[str, ...]:
    """Return the names of what forms are told for: the graph, and every format that is written."""
    from pipeline.formats import FORMATS

    return (GRAPH_COLUMN, *(known.name for known in FORMATS if known.writes))
=======
    operators: tuple[str, ...]
    caffe: tuple[str, ...]
    caffe2: tuple[str, ...]
    onnx: tuple[str, ...]

    @property
    def targets(self) -> tuple[tuple[str, ...], ...]:
        """What it becomes: in the graph, then in each format, in the order of `COLUMNS`."""
        return self.operators, self.caffe, self.caffe2, self.onnx


COLUMNS = ("graph", "Caffe", "Caffe2", "ONNX")
>>>>>>> onnx


def module_rows() -> list[Row]:
    """Return a row for each Torch7 module class."""
    from pipeline.torch7.modules import MODULES

<<<<<<< HEAD
    return _rows("modules", {name: MODULES[name].lower for name in MODULES})


def layer_rows() -> list[Row]:
    """Return a row for each Caffe layer that is read."""
    from pipeline.caffe.read import READS

    return _rows("layers", {name: READS[name] for name in READS})
=======
    rows = []
    for name in MODULES:
        lower = MODULES[name].lower
        made = sorted(names_in(lower, OPERATORS))
        targets = [operator_row(operator) for operator in made]
        rows.append(
            Row(
                name,
                first_line(lower),
                tuple(made),
                tuple(sorted({layer for row in targets for layer in row.caffe})),
                tuple(sorted({operator for row in targets for operator in row.caffe2})),
                tuple(sorted({operator for row in targets for operator in row.onnx})),
            )
        )
    return rows
>>>>>>> onnx


def operator_rows() -> list[Row]:
    """Return a row for each operator of the graph."""
    from pipeline.graph.operators import OPERATORS

    return _rows("operators", {name: OPERATORS[name] for name in OPERATORS})


def _rows(section: str, converters: Mapping[str, Callable[..., Any]]) -> list[Row]:
    found = recorded().get(section, {})
    rows = []
<<<<<<< HEAD
    for name, converter in converters.items():
        alike = (other for other in converters if converters[other] is converter and other in found)
        forms = found.get(name) or next((found[other] for other in alike), {})
        rows.append(Row(name, first_line(converter), forms))
    return rows


def first_line(converter: Callable[..., Any]) -> str:
=======
    for name in READS:
        made = sorted(names_in(READS[name], OPERATORS))
        targets = [operator_row(made_name) for made_name in made]
        caffe2 = sorted({operator for row in targets for operator in row.caffe2})
        onnx = sorted({operator for row in targets for operator in row.onnx})
        rows.append(Row(name, first_line(READS[name]), tuple(made), (name,), tuple(caffe2), tuple(onnx)))
    return rows


@cache
def operator_row(name: str) -> Row:
    """Report what one operator of the graph is written as."""
    from pipeline.caffe import read as caffe_read
    from pipeline.caffe import write as caffe_write
    from pipeline.caffe2 import read as caffe2_read
    from pipeline.caffe2 import write as caffe2_write
    from pipeline.graph.expansions import EXPANSIONS
    from pipeline.onnx import write as onnx_write

    writer = caffe_write.WRITES.get(name) or EXPANSIONS.get(name)
    return Row(
        name,
        first_line(writer) if writer else "",
        (name,),
        _written(name, caffe_write.WRITES, caffe_read.READS),
        _written(name, caffe2_write.WRITES, caffe2_read.READS),
        _written(name, onnx_write.WRITES),
    )


def _written(name: str, writers: Writers[Any], known: Container[str] | None = None) -> tuple[str, ...]:
    """List what an operator is written as: by its writer, and by those of what it is expanded to.

    A format for which nothing is `known` calls operators as the graph does.
    """
    return tuple(sorted(_collected(name, writers, known, set())))


def _collected(name: str, writers: Writers[Any], known: Container[str] | None, seen: set[str]) -> set[str]:
    from pipeline.graph.expansions import EXPANSIONS
    from pipeline.graph.operators import OPERATORS

    seen.add(name)
    found = set() if name not in writers else {name} if known is None else names_in(writers[name], known)
    if name in EXPANSIONS and not writers.always_has(name):
        for part in names_in(EXPANSIONS[name], OPERATORS) - seen:
            found |= _collected(part, writers, known, seen)
    return found


def first_line(function: Callable[..., Any]) -> str:
>>>>>>> onnx
    """Return the first sentence of a converter's documentation."""
    return (converter.__doc__ or "").strip().partition("\n")[0]


def as_json(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows as JSON values: every form by format."""
    return [{"name": row.name, "summary": row.summary, "forms": dict(row.forms)} for row in rows]
