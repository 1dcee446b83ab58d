"""Arithmetic, element by element."""

from __future__ import annotations

from functools import reduce

from pipeline.graph.operators import (
    Abs,
    Add,
    Cast,
    Ceil,
    Div,
    Erf,
    Exp,
    Floor,
    Identity,
    Log,
    Max,
    Mean,
    Min,
    Mul,
    Neg,
    Pow,
    Reciprocal,
    Sign,
    Sqrt,
    Sub,
    Sum,
)
from pipeline.graph.values import Node
from pipeline.pytorch.code import Code, Infix, call, infix, method
from pipeline.pytorch.write.builder import ModuleBuilder, writes

_SIGNS = {"Add": "+", "Sub": "-", "Mul": "*"}
_CASTS = {"float32": "float", "int64": "long", "bool": "bool"}


@writes(Abs, Ceil, Exp, Floor, Log, Neg, Reciprocal, Sign, Sqrt)
def unary(node: Node, net: ModuleBuilder) -> None:
    """Call the method of that name."""
    net.give(method(net.tensor(node.input(0)), node.operator.name.lower()))


@writes(Erf)
def erf(node: Node[Erf], net: ModuleBuilder) -> None:
    """Call the error function."""
    net.give(call("torch.erf", net.tensor(node.input(0))))


@writes(Add, Sub, Mul)
def binary(node: Node, net: ModuleBuilder) -> None:
    """Write an operator between two values, at least one of which is a tensor."""
    a, b = _operands(node, net)
    net.give(infix(a, _SIGNS[node.operator.name], b))


@writes(Pow)
def power(node: Node, net: ModuleBuilder) -> None:
    """pow, as a function, because the base may be a number."""
    net.give(call("torch.pow", *_operands(node, net)))


@writes(Div)
def divide(node: Node[Div], net: ModuleBuilder) -> None:
    """Divide; of integers, rounded toward zero."""
    operands = _operands(node, net)
    if node.output.dtype == "float32":
        net.give(infix(operands[0], "/", operands[1]))
    else:
        net.give(call("torch.div", *operands, rounding_mode="trunc"))


def _operands(node: Node, net: ModuleBuilder) -> tuple[Code, Code]:
    a, b = node.input(0), node.input(1)
    constant = net.array(a) is not None and net.array(b) is not None
    return net.tensor(a) if constant else net.read(a), net.read(b)


@writes(Sum)
def total(node: Node, net: ModuleBuilder) -> None:
    """Add the inputs one after the other."""
    net.give(_summed(node, net)) if len(node.inputs) > 1 else net.alias(node.input(0))


@writes(Mean)
def mean(node: Node, net: ModuleBuilder) -> None:
    """Divide the sum of the inputs by their number."""
    if len(node.inputs) == 1:
        net.alias(node.input(0))
    else:
        net.give(infix(_summed(node, net), "/", len(node.inputs)))


def _summed(node: Node, net: ModuleBuilder) -> Infix:
    first, *others = (net.tensor(value) for value in node.inputs if value is not None)
    return infix(first, "+", *others)


@writes(Max, Min)
def extreme(node: Node, net: ModuleBuilder) -> None:
    """Take the maximum, or minimum, of the inputs, two at a time."""
    first, *others = (net.tensor(value) for value in node.inputs if value is not None)
    if not others:
        net.alias(node.input(0))
        return
    function = "torch.maximum" if node.operator.name == Max.name else "torch.minimum"
    *before, last = others
    so_far = reduce(lambda a, b: net.step(call(function, a, b), "so_far"), before, first)
    net.give(call(function, so_far, last))


@writes(Identity)
def identity(node: Node, net: ModuleBuilder) -> None:
    """Leave the value as it is."""
    net.alias(node.input(0))


@writes(Cast)
def cast(node: Node[Cast], net: ModuleBuilder) -> None:
    """Call the method that is named like the element type."""
    net.give(method(net.tensor(node.input(0)), _CASTS[node.operator.to]))
