"""Activations."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from pipeline.caffe.write import layers, reduction
from pipeline.caffe.write.builder import Blob, CaffeBuilder, Parameter, writes
from pipeline.graph.operators import (
    Clip,
    Dropout,
    Elu,
    HardSigmoid,
    LeakyRelu,
    LogSoftmax,
    PRelu,
    Relu,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
    ThresholdedRelu,
)
from pipeline.graph.values import Graph, Node


@writes(Relu)
def relu(node: Node, net: CaffeBuilder) -> None:
    """ReLU."""
    net.give(node, layers.relu(net, net.blob(node.input(0))))


@writes(LeakyRelu)
def leaky_relu(node: Node[LeakyRelu], net: CaffeBuilder) -> None:
    """ReLU with negative_slope."""
    net.give(node, layers.relu(net, net.blob(node.input(0)), node.operator.alpha))


def _slope_a_channel(node: Node[PRelu], graph: Graph) -> bool:
    x, slope = node.input(0), node.input(1)
    sizes = (1,) * (max(x.rank, 2) - slope.rank) + slope.shape
    return slope.name in graph.weights and sizes[1] == slope.size


@writes(PRelu, where=_slope_a_channel)
def prelu(node: Node, net: CaffeBuilder) -> None:
    """PReLU with a slope for each channel."""
    x, slope = net.blob(node.input(0)), net.weights(node, 1, "slopes")
    image = layers.reshape(net, x, (1,) * (2 - x.rank) + x.shape)
    # Without channel_shared even for one number, since its blob has no axes, which few readers but Caffe support.
    slopes = slope.reshaped((slope.size,)).broadcast((image.shape[1],))
    net.give(node, layers.reshape(net, net.layer("PReLU", [image], parameters=[slopes]), x.shape))


@writes(Elu)
def elu(node: Node[Elu], net: CaffeBuilder) -> None:
    """ELU."""
    message = {"alpha": node.operator.alpha}
    net.give(node, net.layer("ELU", [net.blob(node.input(0))], elu_param=message))


@writes(Sigmoid)
def sigmoid(node: Node, net: CaffeBuilder) -> None:
    """Sigmoid."""
    net.give(node, net.layer("Sigmoid", [net.blob(node.input(0))]))


@writes(Tanh)
def tanh(node: Node, net: CaffeBuilder) -> None:
    """TanH."""
    net.give(node, net.layer("TanH", [net.blob(node.input(0))]))


@writes(Softplus)
def softplus(node: Node, net: CaffeBuilder) -> None:
    """BNLL."""
    net.give(node, net.layer("BNLL", [net.blob(node.input(0))]))


@writes(Softsign)
def softsign(node: Node, net: CaffeBuilder) -> None:
    """X (1 + |x|) ** -1."""
    x = net.blob(node.input(0))
    factor = layers.power(net, net.layer("AbsVal", [x]), shift=1.0, power=-1.0)
    net.give(node, layers.product(net, [x, factor]))


@writes(Clip)
def clip(node: Node[Clip], net: CaffeBuilder) -> None:
    """max(x, min), and -max(-x, -max): see `clipped`."""
    net.give(node, clipped(net, net.blob(node.input(0)), node.operator.min, node.operator.max))


@writes(HardSigmoid)
def hard_sigmoid(node: Node[HardSigmoid], net: CaffeBuilder) -> None:
    """Alpha x + beta, kept between 0 and 1."""
    x = layers.power(net, net.blob(node.input(0)), scale=node.operator.alpha, shift=node.operator.beta)
    net.give(node, clipped(net, x, 0.0, 1.0))


def clipped(net: CaffeBuilder, x: Blob, low: float, high: float) -> Blob:
    """Return min(max(x, low), high), exactly.

    Adding and subtracting the bounds around ReLUs would need fewer layers, but round x.
    """
    if low == 0:
        x = layers.relu(net, x)
    elif low > -math.inf:
        x = layers.maximum(net, [x, layers.filled(net, x, low)])
    if high < math.inf:
        y = layers.negative(net, x)
        x = layers.negative(net, layers.maximum(net, [y, layers.filled(net, y, -high)]))
    return x


@writes(ThresholdedRelu)
def thresholded_relu(node: Node[ThresholdedRelu], net: CaffeBuilder) -> None:
    """ReLU, or x times Threshold."""
    x, alpha = net.blob(node.input(0)), node.operator.alpha
    y = layers.relu(net, x) if alpha == 0 else layers.product(net, [x, layers.threshold(net, x, alpha)])
    net.give(node, y)


@writes(Softmax)
def softmax(node: Node[Softmax], net: CaffeBuilder) -> None:
    """Softmax."""
    x = net.blob(node.input(0))
    net.give(node, layers.softmax(net, x, node.operator.axis % x.rank))


@writes(LogSoftmax)
def log_softmax(node: Node[LogSoftmax], net: CaffeBuilder) -> None:
    """X - m - log(sum(exp(x - m))), m = max(x): Log after Softmax would give -inf for far smaller logits.

    Sums and repetitions are products with ones, which readers other than Caffe support, too.
    """
    x = net.blob(node.input(0))
    axis = node.operator.axis % x.rank
    size = x.shape[axis]
    row, column = (Parameter(shape, partial(np.ones, shape, np.float32)) for shape in ((1, size), (size, 1)))
    largest = layers.matrix_along(net, reduction.maximum(net, x, (axis,)), axis, column)
    shifted = layers.difference(net, x, largest)
    total = net.layer("Log", [layers.matrix_along(net, net.layer("Exp", [shifted]), axis, row)])
    net.give(node, layers.difference(net, shifted, layers.matrix_along(net, total, axis, column)))


@writes(Dropout)
def dropout(node: Node[Dropout], net: CaffeBuilder) -> None:
    """Dropout, which is the identity in the TEST phase."""
    message = {"dropout_ratio": node.operator.ratio}
    net.give(node, net.layer("Dropout", [net.blob(node.input(0))], dropout_param=message))
