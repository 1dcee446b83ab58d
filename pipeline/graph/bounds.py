"""Values with fewer rows than their shapes say, since how many there are depends on the numbers.

A detector, for example, returns as many boxes as it finds; the graph knows only the maximum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pipeline.graph.batch import ANY
from pipeline.graph.operators import BoxSuppression, Compress, ScatterAdd, ShapeError
from pipeline.graph.values import Graph, Node, Value

CHOOSING = (BoxSuppression, Compress)  # the number of rows in their outputs depends on the numbers


def bounded(graph: Graph) -> frozenset[str]:
    """Return the names of the values that may have fewer rows than their shapes say."""
    found: set[str] = set()
    for node in graph.nodes:
        follows = any(value is not None and value.name in found for value in node.inputs)
        if isinstance(node.operator, CHOOSING) or (follows and not isinstance(node.operator, ScatterAdd)):
            found.update(value.name for value in node.outputs)
    return frozenset(found)


def needing_bounds(graph: Graph) -> Iterator[Node]:
    """Return the nodes that need the maximal number of rows, and fail if one of their inputs has fewer.

    To find them, every such maximum is replaced by `ANY`, and all shapes that depend on it are inferred again.
    """
    known: dict[str, Value] = {}
    for node in graph.nodes:
        taken = tuple(value and known.get(value.name, value) for value in node.inputs)
        chooses = isinstance(node.operator, CHOOSING)
        if taken == node.inputs and not chooses:
            continue
        try:
            types = node.operator.output_types(*taken)
        except ShapeError:
            yield node
            continue
        for value, found in zip(node.outputs, types, strict=True):
            shape = (ANY, *found.shape[1:]) if chooses else found.shape
            known[value.name] = replace(value, shape=shape)
