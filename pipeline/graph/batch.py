"""Whether a network takes a batch of any size, though its graph was made for one size."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.graph.operators import ShapeError
from pipeline.graph.values import Graph, TensorType, Value

# A batch of this many images stands for any: a prime beyond every extent of a network, so that nothing fits it by
# accident, and what is a whole number of numbers an image is told by division. Only shapes are computed with it.
ANY = 2**31 - 1


def free_batch(graph: Graph) -> Mapping[str, TensorType]:
    """Return the types of all values for a batch of `ANY`, by name; none where the batch is not free.

    It is free where all inputs have one first extent, every operator takes another in its place, the outputs have it
    first and are the same else, and every value on the way holds as much for each image: nothing is picked from the
    batch, or summed over it, so that no number in the network can depend on how large it is.
    """
    sizes = {value.shape[:1] for value in graph.inputs}
    if len(sizes) != 1 or sizes == {()}:
        return {}
    known: dict[str, Value] = {value.name: _with_batch(value) for value in graph.inputs}
    fed = set(known)
    for node in graph.nodes:
        inputs = [value and known.get(value.name, value) for value in node.inputs]
        try:
            inferred = node.operator.infer(*inputs)
        except ShapeError:
            return {}
        types = (inferred,) if isinstance(inferred, TensorType) else inferred
        made = {value.name: Value(value.name, *found) for value, found in zip(node.outputs, types, strict=True)}
        known |= made
        if any(value is not None and value.name in fed for value in node.inputs):
            fed |= made.keys()
            if any(value.size % ANY for value in made.values()):
                return {}
    if any(value.name not in fed or known[value.name] != _with_batch(value) for value in graph.outputs):
        return {}
    return {name: value.type for name, value in known.items()}


def _with_batch(value: Value) -> Value:
    return Value(value.name, (ANY, *value.shape[1:]), value.dtype)
