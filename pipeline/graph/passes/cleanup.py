"""Passes that remove nodes without effect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pipeline.graph.passes.registry import PASSES
from pipeline.graph.values import Graph, Node, Value


@PASSES.register("remove_identity")
def remove_identity(graph: Graph) -> Graph:
    """Remove nodes whose output equals their input, except if it is an output of the graph.

    Given:
        y = Identity(x)                      or Dropout, Reshape or Flatten to the same shape, Pad by nothing ...
        z = Relu(y)
    Result:
        z = Relu(x)
    """
    outputs = {value.name for value in graph.outputs}
    same: dict[str, Value] = {}
    kept = []
    for original in graph.nodes:
        node = original.taking(same)
        if node.operator.is_identity(node) and node.output.name not in outputs:
            same[node.output.name] = node.input(0)
        else:
            kept.append(node)
    return replace(graph, nodes=tuple(kept))


@PASSES.register("dead_nodes")
def dead_nodes(graph: Graph) -> Graph:
    """Remove nodes and weights that no output of the graph needs.

    Given:
        y = Conv(x, w)
        z = Relu(x)
        outputs: z
    Result:
        z = Relu(x)
        outputs: z
    """
    needed = {value.name for value in graph.outputs}
    kept = []
    for node in reversed(graph.nodes):
        if any(value.name in needed for value in node.outputs):
            kept.append(node)
            needed |= {value.name for value in node.inputs if value is not None}
    return with_nodes(graph, reversed(kept))


def with_nodes(graph: Graph, nodes: Iterable[Node]) -> Graph:
    """Return the graph with other nodes, and only the weights that these or the outputs use."""
    nodes = tuple(nodes)
    used = {value.name for node in nodes for value in node.inputs if value is not None}
    used |= {value.name for value in graph.outputs}
    weights = {name: array for name, array in graph.weights.items() if name in used}
    return replace(graph, nodes=nodes, weights=weights)
