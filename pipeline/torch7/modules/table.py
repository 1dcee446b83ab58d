"""Modules that take or give tables."""

from __future__ import annotations

from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module


def fold(operator: str, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Combine all tensors of a table."""
    items = net.tensors(x)
    same_shape(items, net)
    return net.add(operator, *items) if len(items) > 1 else net.copy(items[0])


def same_shape(items: tuple[Value, ...], net: Lowering) -> None:
    """Check that all have as many elements as the first, which gives the result its shape (torch's add, cmul ...)."""
    if any(item.shape != items[0].shape for item in items):
        net.misfit("a table of tensors of one shape", items)


@module("nn.CAddTable")
def cadd_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The sum of all; in place it is written over the first."""
    if m.flag("inplace") and len(x) > 1:
        first = x[0]
        y = fold("Sum", x, net)
        assert isinstance(first, Value)
        return net.overwrite(first, y)
    return fold("Sum", x, net)
