"""Sums, means and extremes along a dimension."""

from __future__ import annotations

from pipeline.graph.operators import ArgMax, Cast, ReduceMax, ReduceMean, ReduceMin, ReduceSum, Reduction
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module
from pipeline.torch7.modules.axes import batched_axis


def reduce(operator: type[Reduction], m: Module, x: Value, net: Lowering, squeeze: bool) -> Value:
    """Reduce along `dimension`, which disappears, unless it is the only one or `squeeze` is false."""
    axis = batched_axis(m, x, net)
    return net.add(operator(axes=(axis,), keepdims=int(not squeeze or x.rank == 1)), x)


@module("nn.Sum")
def total(m: Module, x: Value, net: Lowering) -> Value:
    """The sum, or with `sizeAverage` the mean."""
    operator = ReduceMean if m.flag("sizeAverage") else ReduceSum
    return reduce(operator, m, x, net, m.flag("squeeze", True))


@module("nn.Mean")
def mean(m: Module, x: Value, net: Lowering) -> Value:
    """The mean."""
    return reduce(ReduceMean, m, x, net, m.flag("squeeze", True))


@module("nn.Max")
def largest(m: Module, x: Value, net: Lowering) -> Value:
    """The largest."""
    return reduce(ReduceMax, m, x, net, squeeze=True)


@module("nn.Min")
def smallest(m: Module, x: Value, net: Lowering) -> Value:
    """The smallest."""
    return reduce(ReduceMin, m, x, net, squeeze=True)


@module("nn.ArgMax")
def arg_max(m: Module, x: Value, net: Lowering) -> Value:
    """The place of the largest, from 1 on, as a number (dpnn)."""
    axis = batched_axis(m, x, net, field="dim", dims="nInputDim")
    place = net.add(ArgMax(axis=axis, keepdims=int(x.rank == 1)), x, part="place")
    number = net.add(Cast(to="float32"), place, part="number")
    return net.add("Add", number, net.constant(1.0, "one"))
