"""Where a network must know an extent that depends on its numbers, and that its graph knows a bound of only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pipeline.graph.batch import ANY
from pipeline.graph.operators import BoxSuppression, Compress, ScatterAdd, ShapeError
from pipeline.graph.values import Graph, Node, Value

CHOOSING = (BoxSuppression, Compress)  # whose outputs have as many rows as the numbers make


def bounded(graph: Graph) -> frozenset[str]:
    """Return the names of the values that may have fewer rows than their shapes tell."""
    found: set[str] = set()
    for node in graph.nodes:
        follows = any(value is not None and value.name in found for value in node.inputs)
        if isinstance(node.operator, CHOOSING) or (follows and not isinstance(node.operator, ScatterAdd)):
            found.update(value.name for value in node.outputs)
    return frozenset(found)


def needing_bounds(graph: Graph) -> Iterator[Node]:
    """Return the nodes that cannot take fewer rows than the bound of a value that they take.

    Every such bound is replaced by a prime beyond all extents, and what follows from it is inferred again.
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
