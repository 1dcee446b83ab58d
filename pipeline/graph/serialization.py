"""Reads and writes a graph as two files: `graph.json`, with one line per node, and `weights.safetensors`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from pipeline.errors import InvalidInputError, Problem, UnsupportedError
from pipeline.graph.budget import Budget
from pipeline.graph.neutral import GRAPH_FILE, WEIGHTS_FILE
from pipeline.graph.operators import OPERATORS
from pipeline.graph.safetensors import is_shape, parse_json, read_tensors, write_tensors
from pipeline.graph.values import DTYPES, Attribute, Graph, Node, Origin, Value
from pipeline.wire.digest import Digested
from pipeline.wire.mapped import map_file, reading
from pipeline.wire.progress import Progress, no_progress
from pipeline.wire.splice import write as write_parts

FORMAT = "torch2caffe2 graph"
VERSION = 1

NONFINITE = ("inf", "-inf", "nan")  # which JSON numbers cannot express


def write(graph: Graph, folder: Path, progress: Progress = no_progress) -> dict[str, Digested]:
    """Write the files of a graph to an existing folder and return their digests by name.

    The same graph gives the same bytes. Raises MachineError if they cannot be written.
    """
    text = ("\n".join(_lines(graph)) + "\n").encode("ascii")
    return {
        WEIGHTS_FILE: write_tensors(folder / WEIGHTS_FILE, graph.weights, progress),
        GRAPH_FILE: write_parts(folder / GRAPH_FILE, [text]),
    }


def read(folder: Path) -> Graph:
    """Read a graph that `write` wrote. Its weights are views of the mapped file.

    The shapes of all nodes are inferred again. Raises InvalidInputError if the files are damaged or do not fit
    together, UnsupportedError with every unknown operator, OverBudget if the graph is too large, UsageError if a file
    is missing.
    """
    weights = read_tensors(folder / WEIGHTS_FILE)
    path = folder / GRAPH_FILE
    with reading(path):
        document = parse_json(map_file(path))
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise InvalidInputError("this is not a graph", why=f'there is no "format": "{FORMAT}"')
        if document.get("version") != VERSION:
            raise InvalidInputError(f"a graph of version {document.get('version')!r}; {VERSION} is known")
        types = {
            name: Value(name, array.shape, "float32" if array.dtype.kind == "f" else "int64")
            for name, array in weights.items()
        }
        try:
            _refuse_unknown(document["nodes"])
            inputs = tuple(_declare(value, types) for value in document["inputs"])
            if empty := [value.name for value in inputs if 0 in value.shape]:
                _damaged(f"the inputs {empty} hold no number")
            budget = Budget()
            budget.grow("activations", sum(budget.value(value.type, value.name) for value in inputs))
            nodes = tuple(_node(entry, types, budget) for entry in document["nodes"])
            outputs = tuple(types[name] for name in document["outputs"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InvalidInputError("the graph is damaged", why=f"no such name or field: {error}") from error
        return Graph(_word(document.get("name")), inputs, outputs, nodes, weights)


def _lines(graph: Graph) -> Iterator[str]:
    yield "{"
    yield f'"format": {_json(FORMAT)}, "version": {VERSION}, "name": {_json(graph.name)},'
    yield f'"inputs": {_json([_value(value) for value in graph.inputs])},'
    yield f'"outputs": {_json([value.name for value in graph.outputs])},'
    yield '"nodes": ['
    for i, node in enumerate(graph.nodes, 1):
        yield f"  {_json(_entry(node))}{',' if i < len(graph.nodes) else ''}"
    yield "]"
    yield "}"


def _json(data: object) -> str:
    return json.dumps(data, allow_nan=False)


def _value(value: Value) -> dict[str, object]:
    return {"name": value.name, "shape": value.shape, "dtype": value.dtype}


def _entry(node: Node) -> dict[str, object]:
    return {
        "name": node.name,
        "operator": node.operator.name,
        "inputs": [None if value is None else value.name for value in node.inputs],
        "outputs": [_value(value) for value in node.outputs],
        "attributes": {name: _plain(value) for name, value in node.operator.attributes.items()},
        "origin": [node.origin.path, node.origin.kind],
    }


def _plain(attribute: Attribute) -> object:
    """Return an attribute as a JSON value. Infinite numbers and NaN become words."""
    if isinstance(attribute, tuple):
        return [_plain(number) for number in attribute]
    return str(attribute) if isinstance(attribute, float) and not math.isfinite(attribute) else attribute


def _declare(entry: Any, types: dict[str, Value]) -> Value:  # noqa: ANN401 - parsed JSON
    """Add the value that an entry declares to `types`; its name must be new."""
    name = _word(entry["name"])
    if name in types:
        _damaged(f"two values are called {name!r}")
    if not is_shape(entry["shape"]) or entry["dtype"] not in DTYPES:
        _damaged(f"{name!r} has shape {entry['shape']!r} and dtype {entry['dtype']!r}")
    types[name] = Value(name, tuple(entry["shape"]), entry["dtype"])
    return types[name]


def _refuse_unknown(nodes: Any) -> None:  # noqa: ANN401 - parsed JSON
    """Raise UnsupportedError with every node whose operator is unknown."""
    unknown = [
        Problem(str(Origin(_word(entry["name"]), kind)), f"no operator {kind!r} is known")
        for entry in nodes
        if (kind := _word(entry["operator"])) not in OPERATORS
    ]
    if unknown:
        raise UnsupportedError(tuple(unknown))


def _node(entry: Any, types: dict[str, Value], budget: Budget) -> Node:  # noqa: ANN401 - parsed JSON
    """Read a node whose inputs are in `types`, and add its outputs there, which must agree with the inferred ones."""
    name, kind = _word(entry["name"]), OPERATORS[entry["operator"]]
    inputs = tuple(None if value is None else types[value] for value in entry["inputs"])
    try:
        operator = kind.of(_numbers(entry["attributes"], kind.kinds))
        inferred = operator.output_types(*inputs)
    except (ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
        _damaged(f"node {name!r}, {kind.name}: {error}")
    outputs = tuple(_declare(value, types) for value in entry["outputs"])
    if tuple(value.type for value in outputs) != inferred:
        _damaged(f"node {name!r}, {kind.name}, does not give {outputs}")
    node = Node(name, operator, inputs, outputs, Origin(*map(_word, entry["origin"])))
    budget.node(node)
    return node


def _numbers(attributes: Any, kinds: Mapping[str, str]) -> dict[str, Any]:  # noqa: ANN401 - parsed JSON
    """Undo `_plain` for the attributes that are declared to be floats."""

    def number(value: Any) -> Any:  # noqa: ANN401 - parsed JSON
        return float(value) if value in NONFINITE else value

    found = dict(attributes)
    for name, value in found.items():
        if kinds.get(name) == "float":
            found[name] = number(value)
        elif kinds.get(name) == "Floats" and isinstance(value, list):
            found[name] = [number(item) for item in value]
    return found


def _word(value: object) -> str:
    if not isinstance(value, str):
        _damaged(f"{value!r} should be a word")
    return value


def _damaged(why: str) -> NoReturn:
    raise InvalidInputError("the graph is damaged", why=why)
