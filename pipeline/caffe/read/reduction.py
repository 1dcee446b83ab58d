"""Layers over whole axes: Softmax, Reduction, ArgMax."""

from __future__ import annotations

import numpy as np

from pipeline.caffe.read.layer import LayerReader
from pipeline.caffe.read.reader import CaffeReader, per_channel, reads
from pipeline.graph.operators import (
    Cast,
    Concat,
    Flatten,
    Gather,
    ReduceL1,
    ReduceMax,
    ReduceMean,
    ReduceSum,
    ReduceSumSquare,
    Reduction,
    Reshape,
    Softmax,
    TopK,
)
from pipeline.graph.values import Value

MOST_PLACES = 2**24
REDUCTIONS: dict[str, type[Reduction]] = {
    "SUM": ReduceSum,
    "ASUM": ReduceL1,
    "SUMSQ": ReduceSumSquare,
    "MEAN": ReduceMean,
}


@reads("Softmax")
def softmax(layer: LayerReader, net: CaffeReader) -> None:
    """Exponentials that sum to 1 along an axis."""
    x = layer.bottom
    net.give(layer, net.add(Softmax(axis=layer.axis(layer.param("softmax_param").int("axis"), x.rank)), x))


@reads("Reduction")
def reduction(layer: LayerReader, net: CaffeReader) -> None:
    """Sum (plain, absolute, of squares) or mean over all axes from `axis` on, times a coefficient."""
    fields, x = layer.param("reduction_param"), layer.bottom
    axis, factor = layer.axis(fields.int("axis"), x.rank), fields.float("coeff")
    operator = REDUCTIONS[fields.word("operation")]
    y = net.add(operator(axes=tuple(range(axis, x.rank)), keepdims=0), x, part="reduced")
    net.give(layer, y if factor == 1 else net.add("Mul", y, net.constant(factor, "coeff")))


@reads("ArgMax")
def arg_max(layer: LayerReader, net: CaffeReader) -> None:
    """The indices of the top_k largest numbers, as floats, or the numbers (argmax_layer.cpp).

    Without an axis each item of the batch is searched as a whole, and with `out_max_val` both are returned.
    """
    fields, x = layer.param("argmax_param"), layer.bottom
    count, values = fields.int("top_k"), fields.flag("out_max_val")
    if fields.has("axis"):
        axis = layer.axis(fields.int("axis"), x.rank)
        net.give(layer, _largest(layer, net, x, count, axis) if values else _places(layer, net, x, count, axis))
        return
    rows = x if x.rank == 2 else net.add(Flatten(axis=1), x, part="flat")
    found = [_places(layer, net, rows, count, 1)] + [_largest(layer, net, rows, count, 1)] * values
    shape = (0, 1, -1) + (1,) * max(0, x.rank - 3)
    parts = [net.add(Reshape(shape=shape), each, part="row") for each in found]
    net.give(layer, parts[0] if not values else net.add(Concat(axis=1), *parts))


def _check(layer: LayerReader, x: Value, count: int, axis: int) -> None:
    if not 1 <= count <= x.shape[axis]:
        layer.invalid(f"the {count} largest along axis {axis} of shape {x.shape}")


def _largest(layer: LayerReader, net: CaffeReader, x: Value, count: int, axis: int) -> Value:
    _check(layer, x, count, axis)
    if count == 1:
        return net.add(ReduceMax(axes=(axis,)), x, part="largest")
    return net.add_many(TopK(k=count, axis=axis), x, part="largest")[0]


def _places(layer: LayerReader, net: CaffeReader, x: Value, count: int, axis: int) -> Value:
    """Return the indices of the largest numbers as floats. Of equal ones, Caffe returns the last first."""
    _check(layer, x, count, axis)
    size = x.shape[axis]
    if size > MOST_PLACES:
        layer.refuse(f"a search among {size} numbers: floats count exactly up to {MOST_PLACES} only")
    if count == 1:  # the largest index of the maximum
        maximum = net.add(ReduceMax(axes=(axis,)), x, part="maximum")
        holds = net.add(Cast(to="float32"), net.add("GreaterOrEqual", x, maximum, part="holds"), part="held")
        places = net.weight(per_channel(np.arange(size, dtype=np.float32), x.rank, axis), "places")
        return net.add(ReduceMax(axes=(axis,)), net.add("Mul", holds, places, part="candidates"), part="place")
    backwards = net.weight(np.arange(size - 1, -1, -1, dtype=np.int64), "backwards")
    turned = net.add(Gather(axis=axis), x, backwards, part="turned")
    places = net.add(Cast(to="float32"), net.add_many(TopK(k=count, axis=axis), turned, part="top")[1], part="behind")
    return net.add("Sub", net.constant(float(size - 1), "last"), places, part="place")
