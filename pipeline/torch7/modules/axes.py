"""Torch's dimensions, which count from 1 (or from the end), as axes."""

from __future__ import annotations

from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module


def axis_of(dimension: int, x: Value, net: Lowering, end: int = 0) -> int:
    """Return the axis of `x` that Torch calls `dimension`; `end` is 1 where one past the last is meant as well."""
    net.current(x)
    axis = dimension - 1 if dimension > 0 else x.rank + end + dimension
    if dimension == 0 or not 0 <= axis < x.rank + end:
        net.misfit(f"a tensor with a dimension {dimension}", x)
    return axis


def batched_axis(m: Module, x: Value, net: Lowering, field: str = "dimension", dims: str = "nInputDims") -> int:
    """Return the axis for modules that leave the batch dimension out: one further where `x` has one more dimension.

    As `_getPositiveDimension` in JoinTable.lua, Sum.lua, Max.lua: negative dimensions are taken as they are.
    """
    dimension = m.int(field, 1)
    declared = m.maybe_int(dims)
    if dimension > 0 and declared is not None and x.rank == declared + 1:
        dimension += 1
    return axis_of(dimension, x, net)
