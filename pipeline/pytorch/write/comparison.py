"""Comparisons, which give bool, and what is done with bools."""

from __future__ import annotations

from pipeline.graph.operators import And, Equal, Greater, GreaterOrEqual, IsNaN, Less, Not, Or, Where
from pipeline.graph.values import Node, Value
from pipeline.pytorch.code import call, infix, method
from pipeline.pytorch.write.builder import ModuleBuilder, writes

_SIGNS = {"And": "&", "Equal": "==", "Greater": ">", "GreaterOrEqual": ">=", "Less": "<", "Or": "|"}


@writes(And, Equal, Greater, GreaterOrEqual, Less, Or)
def compare(node: Node, net: ModuleBuilder) -> None:
    """Write the sign between two values."""
    net.give(infix(net.tensor(node.input(0)), _SIGNS[node.operator.name], net.read(node.input(1))))


@writes(Not)
def invert(node: Node, net: ModuleBuilder) -> None:
    """Turn each bool."""
    net.give(call("torch.logical_not", net.tensor(node.input(0))))


@writes(IsNaN)
def is_nan(node: Node, net: ModuleBuilder) -> None:
    """Whether x is not a number."""
    net.give(method(net.tensor(node.input(0)), "isnan"))


@writes(Where)
def where(node: Node, net: ModuleBuilder) -> None:
    """Threshold, where it is that; else where, for which one of the two must be a tensor, to say of which type."""
    condition, a, b = (node.input(i) for i in range(3))
    limit = _threshold(node, net)
    if limit is not None:
        net.layer(call("nn.Threshold", limit, _number(b, net)), net.read(a))
        return
    constant = net.array(a) is not None and net.array(b) is not None
    first = net.tensor(a) if constant else net.read(a)
    net.give(call("torch.where", net.tensor(condition), first, net.read(b)))


def _threshold(node: Node, net: ModuleBuilder) -> float | None:
    """Return t of `x where x > t, else a number`, which is the layer Threshold; None for any other Where."""
    maker, x = net.maker(node.input(0)), node.input(1)
    if maker is None or not isinstance(maker.operator, Greater) or maker.inputs[0] != x or x.shape != node.output.shape:
        return None
    return None if _number(node.input(2), net) is None else _number(maker.input(1), net)


def _number(value: Value, net: ModuleBuilder) -> float | None:
    array = net.array(value)
    return float(array) if array is not None and array.ndim == 0 and array.dtype.kind == "f" else None
