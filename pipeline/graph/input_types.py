"""Inputs that are not plain float32 tensors: indices into tables, and numbers of other element types."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from pipeline.graph.operators import Cast
from pipeline.graph.values import Graph, Node, Value


def index_inputs(graph: Graph) -> dict[str, int]:
    """Return the inputs that are used as indices (by a Gather, for example), and how many rows each can choose from."""
    rows: dict[str, int] = {}
    for node in reversed(graph.nodes):
        rows |= node.operator.index_rows(node)
        if node.operator.keeps_indices:
            wanted = [rows[value.name] for value in node.outputs if value.name in rows]
            for value in node.inputs:
                if wanted and value is not None:
                    rows[value.name] = min(wanted)
    return {value.name: rows[value.name] for value in graph.inputs if value.name in rows}


def cast_inputs(graph: Graph, names: Collection[str]) -> Graph:
    """Let some inputs of a network be fed with any element type, by casting them first.

    Given:  y = Conv(input, ...)
    Result: input_float = Cast(input, to=float32); y = Conv(input_float, ...)
    """
    casts = [_cast(value, graph) for value in graph.inputs if value.name in names]
    replaced = {node.input(0).name: node.output for node in casts}
    return replace(graph, nodes=(*casts, *(node.taking(replaced) for node in graph.nodes)))


def _cast(value: Value, graph: Graph) -> Node:
    known = {v.name for v in (*graph.inputs, *graph.values())} | graph.weights.keys()
    name = f"{value.name}_float"
    while name in known:
        name += "_"
    origin = next((node.origin for node in graph.nodes if value in node.inputs), graph.nodes[0].origin)
    return Node(name, Cast(to="float32"), (value,), (Value(name, value.shape),), origin)
