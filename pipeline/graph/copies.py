"""Nodes that give what they take, left out: in a graph no value changes, so a copy is the value itself."""

from __future__ import annotations

from dataclasses import replace

from pipeline.graph.operators import Dropout, Operator
from pipeline.graph.values import Graph, Node, Value


def without(kind: type[Operator], graph: Graph) -> Graph:
    """Leave out the nodes of a kind of operator whose output is its input: Identity, or Dropout.

    An output that is an input or a weight of the network, if perhaps one dropped from, keeps its node.
    """
    given = {value.name for value in graph.inputs} | graph.weights.keys()
    outputs = {value.name for value in graph.outputs}
    same: dict[str, Value] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        taken = node.taking(same)
        source = taken.inputs[0] if isinstance(node.operator, kind) else None
        if source is not None and not (source.name in given and node.output.name in outputs):
            same[node.output.name] = source
            continue
        nodes.append(taken)
        if isinstance(node.operator, Dropout) and taken.input(0).name in given:
            given.add(node.output.name)
    final = tuple(same.get(value.name, value) for value in graph.outputs)
    return replace(graph, nodes=tuple(nodes), outputs=final)
