"""Comparisons, which give bool, and what is done with bools."""

from __future__ import annotations

from pipeline.graph.operators import And, Equal, Greater, GreaterOrEqual, IsNaN, Less, Not, Or, Where
from pipeline.graph.values import Node
from pipeline.pytorch.code import call, infix, method
from pipeline.pytorch.write.builder import ModuleBuilder, writes

_SIGNS = {"And": "&", "Equal": "==", "Greater": ">", "GreaterOrEqual": ">=", "Less": "<", "Or": "|"}


@writes(And, Equal, Greater, GreaterOrEqual, Less, Or)
def compare(node: Node, net: ModuleBuilder) -> None:
    """The sign between two values."""
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
    """One or the other; numbers stand there as such where the other is a tensor, which says of which type."""
    condition, a, b = (node.input(i) for i in range(3))
    constant = net.array(a) is not None and net.array(b) is not None
    first = net.tensor(a) if constant else net.read(a)
    net.give(call("torch.where", net.tensor(condition), first, net.read(b)))
