"""Converts Torch's dimensions, which count from 1 or from the end, to axes, and joins tensors along an axis."""

from __future__ import annotations

from math import prod

from pipeline.graph.operators import Concat
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module
from pipeline.torch7.tables import spell


def axis_of(dimension: int, x: Value, net: Lowering) -> int:
    """Return the axis of `x` for Torch's `dimension`. Raises Misfit if there is none."""
    net.current(x)
    axis = dimension - 1 if dimension > 0 else x.rank + dimension
    if dimension == 0 or not 0 <= axis < x.rank:
        net.misfit(f"a tensor with a dimension {dimension}", x)
    return axis


def batched_axis(m: Module, x: Value, net: Lowering, field: str = "dimension", dims: str = "nInputDims") -> int:
    """Return the axis for modules that may not count the batch: one further if `x` has one more dimension.

    As in `_getPositiveDimension` of JoinTable.lua, Sum.lua and Max.lua, negative dimensions are not shifted.
    """
    dimension = m.int(field, 1)
    declared = m.maybe_int(dims)
    if dimension > 0 and declared is not None and x.rank == declared + 1:
        dimension += 1
    return axis_of(dimension, x, net)


def joined(items: tuple[Value, ...], axis: int, net: Lowering) -> Value:
    """Return tensors joined along an axis. The other sizes of the first tensor apply to all.

    Torch copies each tensor to its place, which requires only the same number of elements (JoinTable.lua, Concat.lua).
    """
    first, *others = items
    fitted = [first]
    for position, item in enumerate(others, 2):
        if item.rank <= axis:
            net.misfit(f"tensors with a dimension {axis + 1}", items)
        shape = (*first.shape[:axis], item.shape[axis], *first.shape[axis + 1 :])
        if prod(shape) != prod(item.shape):
            net.misfit(f"tensors that fit behind {spell(first)} along dimension {axis + 1}", items)
        fitted.append(net.reshape(item, shape, part=f"input{position}"))
    return net.add(Concat(axis=axis), *fitted)
