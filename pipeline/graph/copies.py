"""Removes nodes that only copy their input. Values in a graph never change, so a copy is the value itself."""

from __future__ import annotations

from dataclasses import replace

from pipeline.graph.operators import Dropout, Operator
from pipeline.graph.values import Graph, Node, Value


def without(kind: type[Operator], graph: Graph) -> Graph:
    """Remove the nodes of an operator whose output equals its input: Identity, or Dropout.

    A node stays if without it an output of the network would be an input or a weight itself.
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
