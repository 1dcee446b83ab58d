"""Activations: a layer of PyTorch each."""

from __future__ import annotations

from pipeline.graph.operators import (
    Clip,
    Dropout,
    Elu,
    FeatureDropout,
    HardSigmoid,
    LeakyRelu,
    LogSoftmax,
    PRelu,
    Relu,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
    ThresholdedRelu,
)
from pipeline.graph.operators.activation import AlongAxis
from pipeline.graph.operators.checks import positive_axis
from pipeline.graph.values import Graph, Node
from pipeline.pytorch.code import call, infix, method
from pipeline.pytorch.write.builder import ModuleBuilder, writes

_PLAIN = {
    "Relu": "nn.ReLU",
    "Sigmoid": "nn.Sigmoid",
    "Softplus": "nn.Softplus",
    "Softsign": "nn.Softsign",
    "Tanh": "nn.Tanh",
}


@writes(Relu, Sigmoid, Softplus, Softsign, Tanh)
def plain(node: Node, net: ModuleBuilder) -> None:
    """Write the layer of that name."""
    net.layer(call(_PLAIN[node.operator.name]), net.read(node.input(0)))


@writes(LeakyRelu)
def leaky_relu(node: Node[LeakyRelu], net: ModuleBuilder) -> None:
    """LeakyReLU."""
    net.layer(call("nn.LeakyReLU", node.operator.alpha), net.read(node.input(0)))


@writes(ThresholdedRelu)
def thresholded_relu(node: Node[ThresholdedRelu], net: ModuleBuilder) -> None:
    """Threshold, with 0 for numbers that are not above it."""
    net.layer(call("nn.Threshold", node.operator.alpha, 0.0), net.read(node.input(0)))


@writes(Elu)
def elu(node: Node[Elu], net: ModuleBuilder) -> None:
    """ELU."""
    net.layer(call("nn.ELU", node.operator.alpha), net.read(node.input(0)))


@writes(Selu, where=lambda node, graph: node.operator == Selu())
def selu(node: Node[Selu], net: ModuleBuilder) -> None:
    """SELU, whose two numbers are those of its paper."""
    net.layer(call("nn.SELU"), net.read(node.input(0)))


@writes(HardSigmoid)
def hard_sigmoid(node: Node[HardSigmoid], net: ModuleBuilder) -> None:
    """Clamp a linear function, because Hardsigmoid has a fixed slope."""
    op = node.operator
    line = infix(infix(net.tensor(node.input(0)), "*", op.alpha), "+", op.beta)
    net.give(method(line, "clamp", 0, 1))


@writes(Clip)
def clip(node: Node[Clip], net: ModuleBuilder) -> None:
    """ReLU6 or Hardtanh, or else clamp."""
    x, op = net.read(node.input(0)), node.operator
    if (op.min, op.max) == (0, 6):
        net.layer(call("nn.ReLU6"), x)
    elif op.min < op.max:
        net.layer(call("nn.Hardtanh", op.min, op.max), x)
    else:
        net.give(method(x, "clamp", op.min, op.max))


@writes(Softmax, LogSoftmax)
def softmax(node: Node[AlongAxis], net: ModuleBuilder) -> None:
    """Softmax or LogSoftmax."""
    axis = positive_axis(node.operator.axis, node.input(0).rank)
    layer = "nn.Softmax" if node.operator.name == Softmax.name else "nn.LogSoftmax"
    net.layer(call(layer, dim=axis), net.read(node.input(0)))


@writes(Dropout)
def dropout(node: Node[Dropout], net: ModuleBuilder) -> None:
    """Dropout, which is active in training."""
    net.layer(call("nn.Dropout", node.operator.ratio), net.read(node.input(0)))


@writes(FeatureDropout, where=lambda node, graph: node.input(0).rank - node.operator.map_rank in (1, 2))
def feature_dropout(node: Node[FeatureDropout], net: ModuleBuilder) -> None:
    """Dropout2d or Dropout3d, which take a batch."""
    op, x = node.operator, net.read(node.input(0))
    made = call(f"nn.Dropout{op.map_rank}d", op.ratio)
    if node.input(0).rank - op.map_rank == 2:
        net.layer(made, x)
    else:
        net.give(method(net.layer(made, method(x, "unsqueeze", 0), part="batch"), "squeeze", 0))


def _slope_a_channel(node: Node[PRelu], graph: Graph) -> bool:
    x, slope = node.input(0), node.input(1)
    aligned = (1,) * (x.rank - slope.rank) + slope.shape
    return slope.name in graph.weights and x.rank > 1 and slope.size in (1, aligned[1])


@writes(PRelu, where=_slope_a_channel)
def prelu(node: Node, net: ModuleBuilder) -> None:
    """PReLU with a single slope, or one for each channel."""
    slope = node.input(1)
    weights = {"weight": (slope, net.numbers(slope).reshape(-1))}
    net.layer(call("nn.PReLU", slope.size), net.read(node.input(0)), weights)
