"""Whether a network takes a batch of any size, though its graph was made for one size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pipeline.graph.operators import ShapeError
from pipeline.graph.values import Graph, Node, TensorType, Value

# A batch of this many images stands for any: a prime beyond every extent of a network, so that nothing fits it by
# accident, and what is a whole number of numbers an image is told by division. Only shapes are computed with it.
ANY = 2**31 - 1


def free_batch(graph: Graph) -> Mapping[str, TensorType]:
    """Return the types of all values for a batch of `ANY`, by name; none where the batch is not free.

    It is free where all inputs have one first extent, every operator takes another in its place, and the outputs have
    it first and are the same else. On the way every value holds as much for each image, and no image has a part in
    another's numbers: nothing is picked from the batch or summed over it, so no number in the network can depend on
    how large that is.
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
    """Return the outputs of a node with the shapes that follow from its inputs; None where it mixes the images."""
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
