"""Pooling."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pipeline.graph.builder import Builder
from pipeline.graph.expansions.registry import expands
from pipeline.graph.operators import (
    AveragePool,
    GlobalAveragePool,
    GlobalMaxPool,
    LpPool,
    MaxPool,
    Pad,
    Pooling,
    ReduceMax,
    ReduceMean,
    Slice,
)
from pipeline.graph.values import Node, Value

LOWEST = float(np.finfo(np.float32).min)


@expands(LpPool)
def lp_pool(node: Node[LpPool], net: Builder) -> Value:
    """(size of the window times the average of the powers, padding included) ** (1 / p)."""
    x, op = node.input(0), node.operator
    magnitude = net.add("Abs", x, part="abs") if op.p % 2 else x
    powers = net.add("Pow", magnitude, net.constant(op.p, "p"), part="power")
    average = AveragePool(kernel_shape=op.kernel_shape, strides=op.strides, pads=op.pads, count_include_pad=1)
    size = net.constant(math.prod(op.kernel_shape), "size")
    total = net.add("Mul", net.add(average, powers, part="average"), size, part="sum")
    return net.add("Pow", total, net.constant(1 / op.p, "root"))


@expands(AveragePool)
def average_pool(node: Node[AveragePool], net: Builder) -> Value:
    """Of padded windows: the average with all places, times their number over that of the places that count."""
    x, op, zeros = _covered(node, net, 0.0), node.operator, (0,) * 2 * node.operator.axes
    plain = AveragePool(kernel_shape=op.kernel_shape, strides=op.strides, pads=zeros)
    shares = np.ones((1,) * op.axes)
    for axis, places in enumerate(op.divisors(node.input(0).shape)):
        with np.errstate(divide="ignore"):  # a window of nothing but padding has no average: 0 times infinity
            share = op.kernel_shape[axis] / np.array(places, np.float64)
        shares = shares * share.reshape(-1, *(1,) * (op.axes - 1 - axis))
    return net.add("Mul", net.add(plain, x, part="average"), net.weight(shares.astype(np.float32), "shares"))


@expands(MaxPool)
def max_pool(node: Node[MaxPool], net: Builder) -> Value:
    """Of padded windows: those of the padded input.

    Of dilated ones: the largest of as many shifted copies as the kernel has places, axis by axis.
    """
    x, op, zeros = _covered(node, net, LOWEST), node.operator, (0,) * 2 * node.operator.axes
    if x is not node.input(0):
        return net.add(replace(op, pads=zeros, ceil_mode=0), x)
    for axis, (k, dilation) in enumerate(zip(op.kernel_shape, op.dilations, strict=True)):
        if k > 1:
            span = (node.output.shape[axis + 2] - 1) * op.strides[axis]
            cuts = [
                Slice(starts=(i,), ends=(i + span + 1,), axes=(axis + 2,)) for i in range(0, k * dilation, dilation)
            ]
            shifted = [net.add(cut, x, part=f"axis{axis}_{i}") for i, cut in enumerate(cuts)]
            x = net.add("Max", *shifted, part=f"axis{axis}")
    if max(op.strides) == 1:
        return x
    ones = (1,) * op.axes
    return net.add(MaxPool(kernel_shape=ones, strides=op.strides, pads=zeros, dilations=ones), x)


@expands(GlobalAveragePool)
def global_average_pool(node: Node[GlobalAveragePool], net: Builder) -> Value:
    """Average over all axes but the first two."""
    return net.add(ReduceMean(axes=tuple(range(2, node.input(0).rank))), node.input(0))


@expands(GlobalMaxPool)
def global_max_pool(node: Node[GlobalMaxPool], net: Builder) -> Value:
    """Take the largest over all axes but the first two."""
    return net.add(ReduceMax(axes=tuple(range(2, node.input(0).rank))), node.input(0))


def _covered(node: Node[Pooling], net: Builder, value: float) -> Value:
    """Return the input with as many places as the windows cover, padded with `value` or cropped."""
    x, op = node.input(0), node.operator
    begins, ends = [], []
    geometry = zip(node.output.shape[2:], op.strides, op.extents, op.begins, x.shape[2:], strict=True)
    for count, stride, extent, begin, size in geometry:
        end = (count - 1) * stride + extent - begin - size
        beyond = min(0, end + size)  # what is cropped of the padding before the image, where all of that is, too
        begins.append(begin + beyond)
        ends.append(end - beyond)
    if not any(begins + ends):
        return x
    return net.add(Pad(pads=(0, 0, *begins, 0, 0, *ends), value=value), x, part="padded")
