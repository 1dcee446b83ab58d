"""The inventory of a Caffe2 net: the operators of a predict_net, or the fills of an init_net."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UnsupportedError
from pipeline.graph.format import Format, Source, attempt
from pipeline.graph.inventory import Inventory, Measure, Part, count, measured, peak_bytes

if TYPE_CHECKING:
    import numpy as np

    from pipeline.caffe2.outline import OperatorOutline

    Array = np.ndarray[Any, Any]


def inventory(known_as: Format, source: Source) -> Inventory:
    """List the operators of a NetDef, which is read as the format `known_as`.

    Shapes are listed if those of the inputs are given, or in the manifest of a run beside the file. A net that cannot
    be read completely is listed nevertheless, with a note. Raises as `pipeline.caffe2.outline`.
    """
    from pipeline.caffe2.outline import outline

    path, *inits = source.files.values()
    net = outline(path)
    held = _held(*(inits or (path,)))
    graph, notes = attempt(lambda: known_as.read(source), given=bool(source.inputs)) if inits else (None, ())
    measures = measured(graph, lambda node: _key(node.origin.path, node.origin.kind)) if graph else {}
    parts = tuple(_part(operator, held, measures) for operator in net.operators)
    known = {value.name: value.shape for value in graph.inputs} if graph else {}
    data = [name for name in net.inputs if name not in held]
    return Inventory(
        f"Caffe2 net {net.name or path.name}",
        "netdef",
        "operators",
        parts,
        {name: known.get(name) for name in data},
        net.outputs,
        notes,
        peak_bytes(graph) if graph else None,
    )


def _held(*paths: Path) -> dict[str, Array]:
    """Return the parameters in nets; empty if these are not init_nets with fills of given values."""
    from pipeline.caffe2 import files

    try:
        return files.read_weights(*paths)
    except UnsupportedError:
        return {}


def _key(output: str, kind: str) -> str:
    """Return a key of an operator that distinguishes it from others that overwrite its output in place."""
    return f"{kind} {output}"


def _part(operator: OperatorOutline, held: Mapping[str, Array], measures: Mapping[str, Measure]) -> Part:
    filled = [name for name in operator.outputs if name in held] if not operator.inputs else []
    weights = {name: held[name] for name in (*operator.inputs, *filled) if name in held}
    first = operator.outputs[0] if operator.outputs else ""
    return Part(
        first,
        operator.type,
        tuple(name for name in operator.inputs if name not in held),
        operator.outputs,
        operator.arguments,
        weights,
        count(weights.values()),
        (first,),
        measure=measures.get(_key(first, operator.type)),
    )
