"""Finds out whether a network works for any batch size, although its graph has a fixed one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pipeline.graph.operators import ShapeError
from pipeline.graph.values import Graph, Node, TensorType, Value

# This batch size stands for any. It is a prime larger than every extent of a network, so no shape fits it by accident,
# and a size that is proportional to the batch is divisible by it. Only shapes are computed with it.
ANY = 2**31 - 1


def free_batch(graph: Graph) -> Mapping[str, TensorType]:
    """Return the types of all values for a batch of `ANY`, by name; an empty mapping if the batch size is not free.

    The batch size is free if it is the first extent of every input and output, every operator accepts another size, and
    the images do not influence each other: every value holds the same amount of numbers for each image, and nothing is
    picked from the batch or summed over it. Then no number in the network depends on the batch size.
    """
    extents = {value.shape[:1] for value in graph.inputs}
    if len(extents) != 1 or extents == {()}:
        return {}
    known = {value.name: _with_batch(value) for value in graph.inputs}
    fed = set(known)
    for node in graph.nodes:
        taken = tuple(value and known.get(value.name, value) for value in node.inputs)
        made = _made(replace(node, inputs=taken))
        if any(value is not None and value.name in fed for value in taken):
            fed.update(value.name for value in node.outputs)
            if made is None or any(value.size % ANY for value in made):
                return {}
        known |= {value.name: value for value in made or ()}
    if any(value.name not in fed or known[value.name] != _with_batch(value) for value in graph.outputs):
        return {}
    return {name: value.type for name, value in known.items()}


def _made(node: Node) -> tuple[Value, ...] | None:
    """Return the outputs of a node, with inferred shapes; None if it mixes images or rejects the shapes."""
    try:
        types = node.operator.output_types(*node.inputs)
    except ShapeError:
        return None
    x = node.inputs[0]
    if x is not None and any(node.operator.mixes(node, axis) for axis, size in enumerate(x.shape) if size % ANY == 0):
        return None
    return tuple(Value(value.name, *found) for value, found in zip(node.outputs, types, strict=True))


def _with_batch(value: Value) -> Value:
    return Value(value.name, (ANY, *value.shape[1:]), value.dtype)
