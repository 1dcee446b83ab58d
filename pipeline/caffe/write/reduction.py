"""Reductions along any axes, and searches for the largest along one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod

import numpy as np

from pipeline.caffe.write import layers
from pipeline.caffe.write.builder import Blob, CaffeBuilder, Parameter, writes
from pipeline.caffe.write.selection import select
from pipeline.graph.operators import (
    ArgMax,
    ReduceL1,
    ReduceL2,
    ReduceMax,
    ReduceMean,
    ReduceSum,
    ReduceSumSquare,
    Reduction,
    TopK,
)
from pipeline.graph.operators.checks import positive_axes
from pipeline.graph.values import Node, Shape

Axes = Sequence[int]


def blocks(shape: Shape, axes: Axes) -> list[tuple[int, int]]:
    """Return axes as runs (first, last + 1), the last run first. Axes of size 1 may belong to any run.

    >>> blocks((2, 3, 1, 4), (1, 3)), blocks((2, 3, 4), (0, 2))
    ([(1, 4)], [(2, 3), (0, 1)])
    """
    runs: list[tuple[int, int]] = []
    for axis in sorted(axes, reverse=True):
        if runs and prod(shape[axis + 1 : runs[-1][0]]) == 1:
            runs[-1] = (axis, runs[-1][1])
        else:
            runs.append((axis, axis + 1))
    return runs


def kept(shape: Shape, axes: Axes) -> Shape:
    """Return the shape with size 1 for `axes`."""
    return tuple(1 if axis in axes else size for axis, size in enumerate(shape))


def total(net: CaffeBuilder, x: Blob, axes: Axes, *, operation: str = "SUM", coefficient: float = 1.0) -> Blob:
    """Return the sum (SUM), or the sum of magnitudes (ASUM) or squares (SUMSQ), along axes, times a coefficient.

    The axes stay, with size 1. Caffe's Reduction reduces only the last axes; others are summed by a matrix of ones.
    """
    wanted = kept(x.shape, axes)
    for first, last in blocks(x.shape, axes):
        size, inner = prod(x.shape[first:last]), prod(x.shape[last:])
        if inner == 1:
            y = layers.reduction(net, x, first, operation, coefficient)
        else:
            flat = layers.reshape(net, _terms(net, x, operation), (*x.shape[:first], size, inner))
            row = Parameter((1, size), partial(np.full, (1, size), coefficient, np.float32))
            y = layers.matrix_along(net, flat, first, row)
        x = layers.reshape(net, y, kept(x.shape, range(first, last)))
        operation, coefficient = "SUM", 1.0
    return layers.reshape(net, x, wanted)


def _terms(net: CaffeBuilder, x: Blob, operation: str) -> Blob:
    if operation == "ASUM":
        return net.layer("AbsVal", [x])
    return layers.power(net, x, power=2.0) if operation == "SUMSQ" else x


def maximum(net: CaffeBuilder, x: Blob, axes: Axes) -> Blob:
    """Return the maximum along axes, which stay with size 1, by max pooling over one axis that becomes the height."""
    for first, last in blocks(x.shape, axes):
        size, inner = prod(x.shape[first:last]), prod(x.shape[last:])
        shape = kept(x.shape, range(first, last))
        image = layers.reshape(net, x, (prod(x.shape[:first]), 1, size, inner))
        message = {"pool": "MAX", "kernel_h": size, "kernel_w": 1}
        y = net.layer("Pooling", [image], (*image.shape[:2], 1, inner), pooling_param=message)
        x = layers.reshape(net, y, shape)
    return x


def _axes(node: Node[Reduction]) -> tuple[int, ...]:
    return positive_axes(node.operator.axes, node.input(0).rank)


def _give(node: Node, net: CaffeBuilder, y: Blob) -> None:
    net.give(node, layers.reshape(net, y, node.output.shape))


@writes(ReduceSum)
def reduce_sum(node: Node[ReduceSum], net: CaffeBuilder) -> None:
    """Reduction SUM, or a convolution with ones."""
    _give(node, net, total(net, net.blob(node.input(0)), _axes(node)))


@writes(ReduceMean)
def reduce_mean(node: Node[ReduceMean], net: CaffeBuilder) -> None:
    """Reduction SUM, or a convolution, with 1 / number."""
    x, axes = net.blob(node.input(0)), _axes(node)
    _give(node, net, total(net, x, axes, coefficient=1 / prod(x.shape[axis] for axis in axes)))


@writes(ReduceL1)
def reduce_l1(node: Node[ReduceL1], net: CaffeBuilder) -> None:
    """Reduction ASUM."""
    _give(node, net, total(net, net.blob(node.input(0)), _axes(node), operation="ASUM"))


@writes(ReduceSumSquare)
def reduce_sum_square(node: Node[ReduceSumSquare], net: CaffeBuilder) -> None:
    """Reduction SUMSQ."""
    _give(node, net, total(net, net.blob(node.input(0)), _axes(node), operation="SUMSQ"))


@writes(ReduceL2)
def reduce_l2(node: Node[ReduceL2], net: CaffeBuilder) -> None:
    """Power 1/2 of Reduction SUMSQ."""
    squares = total(net, net.blob(node.input(0)), _axes(node), operation="SUMSQ")
    _give(node, net, layers.power(net, squares, power=0.5))


@writes(ReduceMax)
def reduce_max(node: Node[ReduceMax], net: CaffeBuilder) -> None:
    """Pooling MAX."""
    _give(node, net, maximum(net, net.blob(node.input(0)), _axes(node)))


# ---- Where the largest are ----


def _largest(net: CaffeBuilder, x: Blob, axis: int, count: int, *, values: bool) -> Blob:
    """Return the `count` largest `values` along an axis, or their indices, in descending order.

    Of equal numbers the first comes first. ArgMax puts the last one first (argmax_layer.cpp sorts pairs of number and
    index), so the axis is reversed for indices.
    """
    size = x.shape[axis]
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    if values:
        message = {"axis": axis, "top_k": count, "out_max_val": True}
        return net.layer("ArgMax", [x], shape, argmax_param=message)
    backward = select(net, x, axis, range(size - 1, -1, -1))
    places = net.layer("ArgMax", [backward], shape, argmax_param={"axis": axis, "top_k": count})
    return layers.power(net, places, scale=-1.0, shift=size - 1.0)


@writes(ArgMax)
def arg_max(node: Node[ArgMax], net: CaffeBuilder) -> None:
    """ArgMax of the reversed axis: see `_largest`."""
    x = net.blob(node.input(0))
    _give(node, net, _largest(net, x, node.operator.axis % x.rank, 1, values=False))


@writes(TopK, where=lambda node, graph: bool(node.operator.largest))
def top_k(node: Node[TopK], net: CaffeBuilder) -> None:
    """ArgMax with top_k; the places only where something takes them."""
    x, count = net.blob(node.input(0)), node.operator.k
    axis = node.operator.axis % x.rank
    places = _largest(net, x, axis, count, values=False) if net.is_used(node.outputs[1]) else None
    net.give(node, _largest(net, x, axis, count, values=True), places)
