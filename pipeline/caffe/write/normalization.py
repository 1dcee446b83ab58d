"""Normalisations."""

from __future__ import annotations

from math import prod

import numpy as np

from pipeline.caffe.write import arithmetic, layers, reduction
from pipeline.caffe.write.builder import Blob, CaffeBuilder, Parameter, writes
from pipeline.caffe.write.selection import transpose
from pipeline.graph.operators import (
    LRN,
    BatchNormalization,
    InstanceNormalization,
    LayerNormalization,
    LpNormalization,
    MeanVarianceNormalization,
)
from pipeline.graph.operators.checks import positive_axes
from pipeline.graph.values import Node


@writes(BatchNormalization)
def batch_normalization(node: Node[BatchNormalization], net: CaffeBuilder) -> None:
    """BatchNorm, and Scale where there is a scale or a bias."""
    x = net.blob(node.input(0))
    statistics = [net.weights(node, 3, "means"), net.weights(node, 4, "variances")]
    one = Parameter((1,), lambda: np.ones(1, np.float32))  # a factor of 0 would mean that there are no statistics
    message = {"use_global_stats": True, "eps": node.operator.epsilon}
    y = net.layer("BatchNorm", [x], parameters=[*statistics, one], batch_norm_param=message)
    net.give(node, _affine(node, net, y, 1))


def _affine(node: Node, net: CaffeBuilder, y: Blob, axis: int) -> Blob:
    """Return y times scale (input 1) plus bias (input 2), whose axes are those of y from `axis` on."""
    factor, term = (net.operand(node.input(i)) if node.has_input(i) else None for i in (1, 2))
    if isinstance(factor, Parameter) and isinstance(term, Parameter) and factor.shape == term.shape:
        message = {"axis": axis, "num_axes": len(factor.shape), "bias_term": True}
        return net.layer("Scale", [y], part="scale", parameters=[factor, term], scale_param=message)
    if factor is not None:
        y = _along(net, y, factor, axis, scale=True)
    return y if term is None else _along(net, y, term, axis, scale=False)


def _along(net: CaffeBuilder, y: Blob, operand: Blob | Parameter, axis: int, *, scale: bool) -> Blob:
    return layers.scale(net, y, operand, axis) if scale else layers.bias(net, y, operand, axis)


def _standardized(net: CaffeBuilder, x: Blob, axis: int, epsilon: float) -> Blob:
    """(x - m) / sqrt(v + epsilon), with m and v over the axes from `axis` on.

    MVN takes the mean off; it would add its own epsilon to the root and not below it. BatchNorm could do both
    only for a batch size that is known, which its blobs then have.
    """
    inner = prod(x.shape[axis:])
    vectors = x if axis == 2 and x.rank == 4 else layers.reshape(net, x, (prod(x.shape[:axis]), 1, inner, 1))
    centred = net.layer("MVN", [vectors], mvn_param={"normalize_variance": False})
    variance = layers.reduction(net, centred, 2, "SUMSQ", 1 / inner)
    factor = layers.power(net, variance, shift=epsilon, power=-0.5)
    return layers.reshape(net, layers.scale(net, centred, factor, 0), x.shape)


@writes(InstanceNormalization)
def instance_normalization(node: Node[InstanceNormalization], net: CaffeBuilder) -> None:
    """MVN without variance, Reduction SUMSQ, Power and Scale."""
    y = _standardized(net, net.blob(node.input(0)), 2, node.operator.epsilon)
    net.give(node, _affine(node, net, y, 1))


@writes(LayerNormalization, where=lambda node, graph: not node.has_input(1) and not node.has_input(2))
def layer_normalization(node: Node[LayerNormalization], net: CaffeBuilder) -> None:
    """MVN without variance, Reduction SUMSQ, Power and Scale."""
    x, op = net.blob(node.input(0)), node.operator
    net.give(node, _standardized(net, x, op.axis % x.rank, op.epsilon))


@writes(LRN)
def lrn(node: Node[LRN], net: CaffeBuilder) -> None:
    """LRN; of an even size, which Caffe has not, by the sums of squares that a 1x1 convolution gives."""
    x, size = net.blob(node.input(0)), node.operator.size
    alpha, beta, k = node.operator.alpha, node.operator.beta, node.operator.bias
    n, c, *spatial = x.shape
    image = x if x.rank == 4 else layers.reshape(net, x, (n, c, prod(spatial), 1))
    if size % 2:
        message = {"local_size": size, "alpha": alpha, "beta": beta, "k": k}
        y = net.layer("LRN", [image], lrn_param=message)
    else:
        band = Parameter((c, c), lambda: _band(c, size))
        sums = layers.matrix_along(net, layers.power(net, image, power=2.0), 1, band)
        factor = layers.power(net, sums, scale=alpha / size, shift=k, power=-beta)
        y = layers.product(net, [image, factor])
    net.give(node, layers.reshape(net, y, x.shape))


def _band(channels: int, size: int) -> np.ndarray:
    """Return the matrix that sums `size` neighbouring channels; if even, one more of them after than before."""
    distance = np.arange(channels) - np.arange(channels)[:, None]
    return ((distance <= size // 2) & (distance >= -((size - 1) // 2))).astype(np.float32)


@writes(LpNormalization)
def lp_normalization(node: Node[LpNormalization], net: CaffeBuilder) -> None:
    """X times (sum of |x| ** p) ** (-1 / p), where a sum of 0 is taken for 1."""
    x, p = net.blob(node.input(0)), node.operator.p
    axes = (node.operator.axis % x.rank,)
    if p == 1:
        sums = reduction.total(net, x, axes, operation="ASUM")
    elif p == 2:
        sums = reduction.total(net, x, axes, operation="SUMSQ")
    else:
        sums = reduction.total(net, layers.power(net, net.layer("AbsVal", [x]), power=float(p)), axes)
    zero = layers.complement(net, layers.threshold(net, sums, 0.0), "zero")
    factor = layers.power(net, layers.weighted_sum(net, [sums, zero]), power=-1 / p)
    net.give(node, arithmetic.multiply(net, x, factor))


@writes(MeanVarianceNormalization)
def mean_variance_normalization(node: Node[MeanVarianceNormalization], net: CaffeBuilder) -> None:
    """MVN of images of one row, one for each vector that is normalised."""
    x = net.blob(node.input(0))
    axes = positive_axes(node.operator.axes, x.rank)
    others = [axis for axis in range(x.rank) if axis not in axes]
    perm = [*others, *axes]
    y = transpose(net, x, perm)
    outer, inner = prod(x.shape[axis] for axis in others), prod(x.shape[axis] for axis in axes)
    image = layers.reshape(net, y, (outer, 1, inner, 1))
    normal = layers.reshape(net, net.layer("MVN", [image], mvn_param={"eps": 1e-9}), y.shape)
    net.give(node, transpose(net, normal, [perm.index(axis) for axis in range(x.rank)]))
