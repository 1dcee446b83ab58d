"""Layers that combine blobs elementwise: Eltwise, Scale, Bias, Axpy."""

from __future__ import annotations

from functools import reduce

from pipeline.caffe.read.layer import Fields, LayerReader
from pipeline.caffe.read.reader import CaffeReader, per_channel, reads
from pipeline.graph.operators import Reshape
from pipeline.graph.values import Shape, Value


@reads("Eltwise")
def eltwise(layer: LayerReader, net: CaffeReader) -> None:
    """Product, weighted sum or maximum of blobs of one shape (eltwise_layer.cpp).

    In place, a sum or maximum does not read the first bottom: its top, the same blob, is first set to 0, or to the
    least float.
    """
    fields = layer.param("eltwise_param")
    operation, coefficients = fields.word("operation"), fields.floats("coeff")
    xs = list(layer.bottoms)
    if len(xs) < 2 or any(x.shape != xs[0].shape for x in xs):
        layer.invalid("it needs 2 or more bottoms of one shape, not " + ", ".join(str(x.shape) for x in xs))
    if coefficients and (operation != "SUM" or len(coefficients) != len(xs)):
        layer.invalid(f"{len(coefficients)} coefficients for {operation} of {len(xs)} bottoms")
    if operation == "PROD":
        net.give(layer, reduce(lambda a, b: net.add("Mul", a, b, part="product"), xs))
        return
    if layer.in_place:
        xs, coefficients = xs[1:], coefficients[1:]
    if operation == "MAX":
        net.give(layer, _joined(net, "Max", xs))
    elif coefficients == (1.0, -1.0):
        net.give(layer, net.add("Sub", *xs))
    else:
        scaled = [
            x if c == 1 else net.add("Mul", x, net.constant(c, f"coeff{i}"), part=f"term{i}")
            for i, (x, c) in enumerate(zip(xs, coefficients or (1.0,) * len(xs), strict=True))
        ]
        net.give(layer, _joined(net, "Sum", scaled))


def _joined(net: CaffeReader, operator: str, xs: list[Value]) -> Value:
    return xs[0] if len(xs) == 1 else net.add(operator, *xs)


@reads("Scale")
def scale(layer: LayerReader, net: CaffeReader) -> None:
    """Multiply by a parameter, or the second bottom, over some of the axes, and then perhaps add a parameter."""
    fields, biased = layer.param("scale_param"), layer.param("scale_param").flag("bias_term")
    x, axis, shape = _operand(layer, fields)
    if len(layer.bottoms) == 1:
        factor, *bias = net.parameters(layer, *[shape] * (1 + biased))
        y = net.add("Mul", x, net.weight(per_channel(factor, x.rank, axis), "w"), part="scaled")
    else:
        bias = list(net.parameters(layer, *[shape] * biased)) if biased else []
        y = net.add("Mul", x, _broadcastable(net, layer.bottoms[1], x.rank, axis), part="scaled")
    if bias:
        y = net.add("Add", y, net.weight(per_channel(bias[0], x.rank, axis), "b"), part="biased")
    net.give(layer, y)


@reads("Bias")
def bias(layer: LayerReader, net: CaffeReader) -> None:
    """Add a parameter, or the second bottom, over some of the axes."""
    x, axis, shape = _operand(layer, layer.param("bias_param"))
    if len(layer.bottoms) == 1:
        (term,) = net.parameters(layer, shape)
        value = net.weight(per_channel(term, x.rank, axis), "b")
    else:
        value = _broadcastable(net, layer.bottoms[1], x.rank, axis)
    net.give(layer, net.add("Add", x, value))


def _operand(layer: LayerReader, fields: Fields) -> tuple[Value, int, Shape]:
    """Return the first bottom, the axis at which the operand starts, and its shape (scale_layer.cpp)."""
    x = layer.take(1, 2)[0]
    axes = fields.int("num_axes")  # applies only to a parameter; a second bottom has axes of its own
    start = fields.int("axis")
    if len(layer.bottoms) == 2:
        shape = layer.bottoms[1].shape
        axis = 0 if not shape else layer.axis(start, x.rank)
    elif axes == 0:
        return x, 0, ()
    else:
        axis = layer.axis(start, x.rank)
        shape = x.shape[axis:] if axes == -1 else x.shape[axis : axis + axes]
        if axes < -1 or (axes > 0 and len(shape) != axes):
            layer.invalid(f"{axes} axes from axis {axis} of shape {x.shape}")
    if shape != x.shape[axis : axis + len(shape)]:
        layer.invalid(f"an operand of shape {shape} does not fit shape {x.shape} at axis {axis}")
    return x, axis, shape


def _broadcastable(net: CaffeReader, value: Value, rank: int, axis: int) -> Value:
    """Return a value, which starts at `axis` of a blob of `rank` axes, with axes of size 1 after its own."""
    ones = rank - axis - value.rank
    if not ones or not value.rank:
        return value
    return net.add(Reshape(shape=(0,) * value.rank + (1,) * ones), value, part="operand")


@reads("Axpy")
def axpy(layer: LayerReader, net: CaffeReader) -> None:
    """SENet's a x + y, where a has a number for each channel: (N, C) or (N, C, 1, 1)."""
    a, x, y = layer.take(3)
    if x.rank < 2 or x.shape != y.shape or a.shape[:2] != x.shape[:2] or a.size != x.shape[0] * x.shape[1]:
        layer.invalid(f"shapes {a.shape}, {x.shape} and {y.shape} do not fit")
    factor = _broadcastable(net, a, x.rank, 0) if a.rank < x.rank else a
    net.give(layer, net.add("Add", net.add("Mul", x, factor, part="scaled"), y))
