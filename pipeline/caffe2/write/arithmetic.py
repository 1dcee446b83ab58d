"""Arithmetic, element by element."""

from __future__ import annotations

from functools import reduce

from pipeline.caffe2.write.broadcasting import equal_shapes
from pipeline.caffe2.write.builder import TYPES, Caffe2Builder, writes
from pipeline.graph.operators import Abs, Cast, Erf, Max, Mean, Min, Pow, Sum
from pipeline.graph.values import Node, Value


@writes(Pow)
def power(node: Node, net: Caffe2Builder) -> None:
    """Pow with the exponent as an argument if it is a constant number, else of two inputs of equal shapes."""
    base, exponent = node.input(0), node.input(1)
    _require_float(net, base)
    number = net.array(exponent)
    if number is not None and number.size == 1 and base.shape == node.output.shape:
        net.give("Pow", net.blob(base), exponent=float(number.item()))
    else:
        net.give("Pow", *equal_shapes(net, (base, exponent)))


@writes(Sum)
def total(node: Node, net: Caffe2Builder) -> None:
    """Sum, which requires floats of equal shapes, or else one Add after the other."""
    values = [value for value in node.inputs if value is not None]
    if len({value.shape for value in values}) == 1 and values[0].dtype == "float32":
        net.give("Sum", *net.blobs(values))
        return
    *before, last = net.blobs(values[1:])
    so_far = reduce(lambda a, b: net.step("Add", a, b, part="sum"), before, net.blob(values[0]))
    net.give("Add", so_far, last)


@writes(Max)
def maximum(node: Node, net: Caffe2Builder) -> None:
    """Max of inputs made equal in shape."""
    _give_of_equals(node, net, "Max")


@writes(Min)
def minimum(node: Node, net: Caffe2Builder) -> None:
    """Min of inputs made equal in shape."""
    _give_of_equals(node, net, "Min")


@writes(Mean)
def mean(node: Node, net: Caffe2Builder) -> None:
    """Mean of inputs made equal in shape."""
    _give_of_equals(node, net, "Mean")


def _give_of_equals(node: Node, net: Caffe2Builder, kind: str) -> None:
    values = [value for value in node.inputs if value is not None]
    _require_float(net, *values)
    net.give(kind, *equal_shapes(net, values))


@writes(Abs)
def absolute(node: Node, net: Caffe2Builder) -> None:
    """Abs for floats; for integers, x times its sign."""
    x = node.input(0)
    if x.dtype == "float32":
        net.give("Abs", net.blob(x))
    else:
        net.give("Mul", net.blob(x), net.step("Sign", net.blob(x), part="sign"))


@writes(Erf)
def erf(node: Node, net: Caffe2Builder) -> None:
    """Refused: no operator of Caffe2 1.0.1 gives the error function."""
    net.refuse("Caffe2 has no error function (Erf), nor what it could be made of")


@writes(Cast)
def cast(node: Node[Cast], net: Caffe2Builder) -> None:
    """Cast."""
    net.give("Cast", net.blob(node.input(0)), to=TYPES[node.operator.to])


def _require_float(net: Caffe2Builder, *values: Value) -> None:
    if any(value.dtype != "float32" for value in values):
        net.refuse("Caffe2 computes this of floats only, and here are integers", "cast to float before")
