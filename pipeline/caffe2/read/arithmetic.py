"""Arithmetic and comparisons, element by element."""

from __future__ import annotations

from functools import reduce

import numpy as np

from pipeline.caffe2.read.operator import Operator
from pipeline.caffe2.read.reader import Caffe2Reader, reads
from pipeline.graph.operators import Cast, Expand
from pipeline.graph.values import Value

_UNARY = {
    "Abs": "Abs",
    "Negative": "Neg",
    "Exp": "Exp",
    "Log": "Log",
    "Sqrt": "Sqrt",
    "Reciprocal": "Reciprocal",
    "Sign": "Sign",
    "Floor": "Floor",
    "Ceil": "Ceil",
    "Not": "Not",
    "Copy": "Identity",
    "StopGradient": "Identity",
    "Alias": "Identity",
    "CopyFromCPUInput": "Identity",
    "EnsureCPUOutput": "Identity",
}
_BINARY = {
    "Add": "Add",
    "Sub": "Sub",
    "Mul": "Mul",
    "Div": "Div",
    "GT": "Greater",
    "GE": "GreaterOrEqual",
    "LT": "Less",
    "EQ": "Equal",
    "And": "And",
    "Or": "Or",
}
_VARIADIC = ("Sum", "Max", "Min", "Mean")
_TYPES = {1: "float32", 2: "int64", 5: "bool", 10: "int64"}  # TensorProto.DataType; int32 is wider here


@reads(*_UNARY)
def unary(op: Operator, net: Caffe2Reader) -> None:
    """Read what is done to each number; copies change nothing."""
    net.give(_UNARY[op.type], net.value(op.inputs[0]))


@reads(*_BINARY)
def binary(op: Operator, net: Caffe2Reader) -> None:
    """Read an operator of two inputs, which are broadcast."""
    net.give(_BINARY[op.type], *_operands(op, net))


@reads("LE")
def less_or_equal(op: Operator, net: Caffe2Reader) -> None:
    """GreaterOrEqual with its inputs exchanged."""
    a, b = _operands(op, net)
    net.give("GreaterOrEqual", b, a)


@reads("NE")
def not_equal(op: Operator, net: Caffe2Reader) -> None:
    """Not Equal."""
    net.give("Not", net.add("Equal", *_operands(op, net), part="equal"))


def _operands(op: Operator, net: Caffe2Reader) -> tuple[Value, Value]:
    """Give two inputs that broadcast by numpy's rule.

    With `broadcast`, the second's axes are those of the first from `axis` on, or its last ones.
    """
    a, b = net.values(op.inputs)
    if not op.int("broadcast", 0):
        return a, b
    axis = op.int("axis", -1)
    if b.size == 1:
        shape = b.shape if b.rank <= a.rank else ()
    elif axis < 0:
        shape = b.shape
    else:
        shape = b.shape + (1,) * (a.rank - axis - b.rank)
    return a, net.shaped(op.inputs[1], shape)


@reads("Pow")
def power(op: Operator, net: Caffe2Reader) -> None:
    """Pow, with its exponent as argument or as second input."""
    if len(op.inputs) == 1:
        net.give("Pow", net.value(op.inputs[0]), net.constant(op.float("exponent"), "exponent"))
    else:
        net.give("Pow", *_operands(op, net))


@reads("Sqr")
def square(op: Operator, net: Caffe2Reader) -> None:
    """Mul of x and x."""
    x = net.value(op.inputs[0])
    net.give("Mul", x, x)


@reads("Rsqrt")
def reciprocal_root(op: Operator, net: Caffe2Reader) -> None:
    """Reciprocal of Sqrt."""
    net.give("Reciprocal", net.add("Sqrt", net.value(op.inputs[0]), part="root"))


@reads("Scale")
def scale(op: Operator, net: Caffe2Reader) -> None:
    """Mul with a number."""
    net.give("Mul", net.value(op.inputs[0]), net.constant(op.float("scale", 1.0), "scale"))


@reads(*_VARIADIC)
def variadic(op: Operator, net: Caffe2Reader) -> None:
    """Read the operator of the same name."""
    net.give(op.type, *net.values(op.inputs))


@reads("WeightedSum")
def weighted_sum(op: Operator, net: Caffe2Reader) -> None:
    """Sum of each input times its number, which is a blob of one element."""
    terms = [
        net.add("Mul", net.value(x), net.shaped(weight, (), f"weight{i}"), part=f"term{i}")
        for i, (x, weight) in enumerate(zip(op.inputs[::2], op.inputs[1::2], strict=True))
    ]
    net.give("Identity", reduce(lambda a, b: net.add("Add", a, b, part="sum"), terms))


@reads("Cast")
def cast(op: Operator, net: Caffe2Reader) -> None:
    """Cast to float, an integer, or bool."""
    to = op.int("to")
    if to not in _TYPES:
        op.refuse(f"argument Cast.to is {to}, a type other than float, int32, int64 and bool")
    net.give(Cast(to=_TYPES[to]), net.value(op.inputs[0]))


@reads("Where")
def where(op: Operator, net: Caffe2Reader) -> None:
    """Where."""
    net.give("Where", *net.values(op.inputs))


@reads("ConstantFill")
def constant_fill(op: Operator, net: Caffe2Reader) -> None:
    """Expand a number to the shape of the input, or of the argument."""
    if op.int("dtype", 1) != 1:
        op.refuse("argument ConstantFill.dtype is another type than float")
    shape = net.value(op.inputs[0]).shape if op.inputs else op.axes("shape")
    number = net.weight(np.array(op.float("value", 0.0), np.float32), "value")
    net.give(Expand(shape=shape), number)
