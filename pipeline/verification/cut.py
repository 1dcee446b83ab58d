"""Cuts a layer or a span of layers out of a network, as a small network of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np

from pipeline.errors import UsageError
from pipeline.graph.evaluation import evaluate
from pipeline.graph.values import Graph, Node, Value

Array = np.ndarray[Any, Any]


def named(graph: Graph, name: str) -> tuple[Node, ...]:
    """Return the nodes of a layer: those called `name`, or all at that path (`3.branch[1]`), or that make that value.

    Raises UsageError if there are none.
    """
    inside = f"{name}."
    for found in (
        [node for node in graph.nodes if node.name == name],
        [node for node in graph.nodes if node.origin.path == name or node.origin.path.startswith(inside)],
        [node for node in graph.nodes if any(value.name == name for value in node.outputs)],
    ):
        if found:
            return tuple(found)
    known = [*(node.name for node in graph.nodes), *(node.origin.path for node in graph.nodes)]
    close = list(dict.fromkeys(get_close_matches(name, known, n=4)))
    advice = f"did you mean {' or '.join(close)}?" if close else "torch2caffe2 inspect lists them all"
    raise UsageError(f"the network has no layer {name}", advice=advice)


def between(graph: Graph, first: Iterable[Node], last: Iterable[Node]) -> tuple[Node, ...]:
    """Return the nodes on all paths from `first` to `last`, both included, in order.

    Raises UsageError if there is no path.
    """
    starts, ends = ({id(node) for node in nodes} for nodes in (first, last))
    reached: set[str] = set()
    behind: set[int] = set()
    for node in graph.nodes:
        if id(node) in starts or any(v is not None and v.name in reached for v in node.inputs):
            behind.add(id(node))
            reached |= {value.name for value in node.outputs}
    needed: set[str] = set()
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if id(node) in behind and (id(node) in ends or any(value.name in needed for value in node.outputs)):
            kept.append(node)
            needed |= {value.name for value in node.inputs if value is not None}
    if not ends & behind:
        raise UsageError("no way leads from the first of these layers to the last", advice="try them the other way")
    return tuple(reversed(kept))


def cut(graph: Graph, nodes: Sequence[Node], outputs: Collection[str] = ()) -> Graph:
    """Return a network of some nodes of a graph, in order.

    Its inputs are the values that they take from other nodes; its outputs those that other nodes use, or `outputs`.
    """
    made = {value.name for node in nodes for value in node.outputs}
    taken = {v.name: v for node in nodes for v in node.inputs if v is not None}
    inside = {id(node) for node in nodes}
    used = {v.name for node in graph.nodes if id(node) not in inside for v in node.inputs if v is not None}
    used |= {value.name for value in graph.outputs}
    used |= made - {v.name for node in nodes for v in node.inputs if v is not None}
    wanted = set(outputs) or used
    return Graph(
        f"{graph.name}_{nodes[0].name}" if graph.name else nodes[0].name,
        tuple(v for name, v in taken.items() if name not in made and name not in graph.weights),
        tuple(value for node in nodes for value in node.outputs if value.name in wanted),
        tuple(nodes),
        {name: array for name, array in graph.weights.items() if name in taken},
    )


def upstream(graph: Graph, output: str, borders: Collection[str]) -> tuple[Node, ...]:
    """Return the nodes that compute a value from the values `borders`, in order."""
    needed = {output}
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if any(value.name in needed for value in node.outputs):
            kept.append(node)
            needed |= {v.name for v in node.inputs if v is not None and v.name not in borders}
    return tuple(reversed(kept))


def values_of(graph: Graph, feeds: Sequence[Array], wanted: Iterable[Value]) -> dict[str, Array]:
    """Compute some values of a network, which may include inputs and weights."""
    names = {value.name for value in wanted}
    known = {value.name: array for value, array in zip(graph.inputs, feeds, strict=True)}
    known |= {name: np.asarray(array) for name, array in graph.weights.items() if name in names}
    missing = names - known.keys()
    for value, array in evaluate(graph, feeds):
        if value.name in missing:
            known[value.name] = array
            missing.discard(value.name)
        if not missing:
            break
    return {name: known[name] for name in names}
