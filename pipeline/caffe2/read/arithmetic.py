"""Arithmetic and comparisons, element by element."""

from __future__ import annotations

from functools import reduce

import numpy as np

from pipeline.caffe2.read.operands import operands
from pipeline.caffe2.read.operator import OperatorReader
from pipeline.caffe2.read.reader import Caffe2Reader, reads
from pipeline.graph.operators import Cast, Expand

_VARIADIC = ("Sum", "Max", "Min", "Mean")
_TYPES = {1: "float32", 2: "int64", 5: "bool", 10: "int64"}  # TensorProto.DataType; int32 is wider here


@reads("Abs")
def absolute(op: OperatorReader, net: Caffe2Reader) -> None:
    """Abs."""
    net.give("Abs", net.value(op.inputs[0]))


@reads("StopGradient", "Alias", "CopyFromCPUInput", "EnsureCPUOutput")
def passed_on(op: OperatorReader, net: Caffe2Reader) -> None:
    """Identity."""
    net.give("Identity", net.value(op.inputs[0]))


@reads("LE")
def less_or_equal(op: OperatorReader, net: Caffe2Reader) -> None:
    """GreaterOrEqual with its inputs exchanged."""
    a, b = operands(op, net)
    net.give("GreaterOrEqual", b, a)


@reads("NE")
def not_equal(op: OperatorReader, net: Caffe2Reader) -> None:
    """Not Equal."""
    net.give("Not", net.add("Equal", *operands(op, net), part="equal"))


@reads("Pow")
def power(op: OperatorReader, net: Caffe2Reader) -> None:
    """Pow, with its exponent as an argument or as the second input."""
    if len(op.inputs) == 1:
        net.give("Pow", net.value(op.inputs[0]), net.constant(op.float("exponent"), "exponent"))
    else:
        net.give("Pow", *operands(op, net))


@reads("Sqr")
def square(op: OperatorReader, net: Caffe2Reader) -> None:
    """Mul of x and x."""
    x = net.value(op.inputs[0])
    net.give("Mul", x, x)


@reads("Rsqrt")
def reciprocal_root(op: OperatorReader, net: Caffe2Reader) -> None:
    """Reciprocal of Sqrt."""
    net.give("Reciprocal", net.add("Sqrt", net.value(op.inputs[0]), part="root"))


@reads("Scale")
def scale(op: OperatorReader, net: Caffe2Reader) -> None:
    """Mul with a number."""
    net.give("Mul", net.value(op.inputs[0]), net.constant(op.float("scale", 1.0), "scale"))


@reads(*_VARIADIC)
def variadic(op: OperatorReader, net: Caffe2Reader) -> None:
    """Read the operator of the same name."""
    net.give(op.type, *net.values(op.inputs))


@reads("WeightedSum")
def weighted_sum(op: OperatorReader, net: Caffe2Reader) -> None:
    """Sum of the inputs, each times a number, which is a blob of one element."""
    terms = [
        net.add("Mul", net.value(x), net.shaped(weight, (), f"weight{i}"), part=f"term{i}")
        for i, (x, weight) in enumerate(zip(op.inputs[::2], op.inputs[1::2], strict=True))
    ]
    net.give("Identity", reduce(lambda a, b: net.add("Add", a, b, part="sum"), terms))


@reads("Cast")
def cast(op: OperatorReader, net: Caffe2Reader) -> None:
    """Cast to float, an integer, or bool."""
    to = op.int("to")
    if to not in _TYPES:
        op.refuse(f"argument Cast.to is {to}, a type other than float, int32, int64 and bool")
    net.give(Cast(to=_TYPES[to]), net.value(op.inputs[0]))


@reads("Where")
def where(op: OperatorReader, net: Caffe2Reader) -> None:
    """Where."""
    net.give("Where", *net.values(op.inputs))


@reads("ConstantFill")
def constant_fill(op: OperatorReader, net: Caffe2Reader) -> None:
    """Expand a number to the shape of the input, or of the argument."""
    if op.int("dtype", 1) != 1:
        op.refuse("argument ConstantFill.dtype is another type than float")
    shape = net.value(op.inputs[0]).shape if op.inputs else op.axes("shape")
    number = net.weight(np.array(op.float("value", 0.0), np.float32), "value")
    net.give(Expand(shape=shape), number)
