"""Activations."""

from __future__ import annotations

from pipeline.caffe2.write.builder import Caffe2Builder, Step, writes
from pipeline.graph.operators import (
    Clip,
    Dropout,
    Elu,
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
from pipeline.graph.operators.checks import positive_axis
from pipeline.graph.values import Node


@writes(Relu)
def relu(node: Node, net: Caffe2Builder) -> None:
    """Relu."""
    net.give("Relu", net.blob(node.input(0)))


@writes(LeakyRelu)
def leaky_relu(node: Node[LeakyRelu], net: Caffe2Builder) -> None:
    """LeakyRelu with its alpha."""
    net.give("LeakyRelu", net.blob(node.input(0)), alpha=node.operator.alpha)


@writes(PRelu)
def prelu(node: Node, net: Caffe2Builder) -> None:
    """PRelu where the slope is one number, or one a channel; else Relu(x) - slope Relu(-x)."""
    x, slope = node.input(0), node.input(1)
    aligned = (1,) * (x.rank - slope.rank) + slope.shape
    per_channel = x.rank > 1 and slope.size == aligned[1]
    if x.rank > 1 and (slope.size == 1 or per_channel):
        net.give("PRelu", net.blob(x), net.shaped(slope, (slope.size,)))
        return
    positive = net.step("Relu", net.blob(x), part="positive")
    negative = net.step("Relu", net.step("Negative", net.blob(x), part="turned"), part="negative")
    net.give("Sub", positive, net.step("Mul", negative, net.blob(slope), part="scaled"))


@writes(ThresholdedRelu)
def thresholded_relu(node: Node[ThresholdedRelu], net: Caffe2Builder) -> None:
    """ThresholdedRelu with its alpha."""
    net.give("ThresholdedRelu", net.blob(node.input(0)), alpha=node.operator.alpha)


@writes(Elu)
def elu(node: Node[Elu], net: Caffe2Builder) -> None:
    """Elu with its alpha."""
    net.give("Elu", net.blob(node.input(0)), alpha=node.operator.alpha)


@writes(Selu)
def selu(node: Node[Selu], net: Caffe2Builder) -> None:
    """Selu; its scale must be above 1, else it is Elu and Scale."""
    x, alpha, gamma = net.blob(node.input(0)), node.operator.alpha, node.operator.gamma
    if gamma > 1:
        net.give("Selu", x, alpha=alpha, scale=gamma)
    else:
        net.give("Scale", net.step("Elu", x, part="elu", alpha=alpha), scale=gamma)


@writes(Sigmoid)
def sigmoid(node: Node, net: Caffe2Builder) -> None:
    """Sigmoid."""
    net.give("Sigmoid", net.blob(node.input(0)))


@writes(HardSigmoid)
def hard_sigmoid(node: Node[HardSigmoid], net: Caffe2Builder) -> None:
    """HardSigmoid with its alpha and beta."""
    net.give("HardSigmoid", net.blob(node.input(0)), alpha=node.operator.alpha, beta=node.operator.beta)


@writes(Tanh)
def tanh(node: Node, net: Caffe2Builder) -> None:
    """Tanh."""
    net.give("Tanh", net.blob(node.input(0)))


@writes(Softplus)
def softplus(node: Node, net: Caffe2Builder) -> None:
    """Relu(x) - Log(Sigmoid(|x|)), which is log(1 + exp(x)): Caffe2's own Softplus overflows above 88."""
    x = net.blob(node.input(0))
    inner = net.step("Sigmoid", net.step("Abs", x, part="abs"), part="sigmoid")
    log = net.step("Log", inner, part="log")
    net.give("Sub", net.step("Relu", x, part="positive"), log)


@writes(Softsign)
def softsign(node: Node, net: Caffe2Builder) -> None:
    """Softsign."""
    net.give("Softsign", net.blob(node.input(0)))


@writes(Clip)
def clip(node: Node[Clip], net: Caffe2Builder) -> None:
    """Clip between min and max."""
    net.give("Clip", net.blob(node.input(0)), min=node.operator.min, max=node.operator.max)


@writes(Softmax)
def softmax(node: Node[Softmax], net: Caffe2Builder) -> None:
    """Softmax along the last axis; another axis is brought there, since Caffe2 takes all from `axis` on as one."""
    x = node.input(0)
    axis = positive_axis(node.operator.axis, x.rank)
    alone = all(size == 1 for size in x.shape[axis + 1 :])
    steps: list[Step] = [("Softmax", {"axis": axis if alone else x.rank - 1})]
    if not alone:
        turned = tuple(x.rank - 1 if i == axis else axis if i == x.rank - 1 else i for i in range(x.rank))
        turn: Step = ("Transpose", {"axes": turned})
        steps = [turn, *steps, turn]
    net.through(net.blob(x), steps)


@writes(LogSoftmax)
def log_softmax(node: Node[LogSoftmax], net: Caffe2Builder) -> None:
    """ReduceMax, Sub, Exp, ReduceSum, Log, Sub: Caffe2 has no LogSoftmax, and Log of Softmax underflows."""
    x = node.input(0)
    axes = (positive_axis(node.operator.axis, x.rank),)
    top = net.step("ReduceMax", net.blob(x), part="max", axes=axes, keepdims=1)
    shifted = net.step("Sub", net.blob(x), top, part="shifted")
    total = net.step("ReduceSum", net.step("Exp", shifted, part="exp"), part="sum", axes=axes, keepdims=1)
    net.give("Sub", shifted, net.step("Log", total, part="log"))


@writes(Dropout)
def dropout(node: Node[Dropout], net: Caffe2Builder) -> None:
    """Dropout with is_test, which passes everything."""
    net.give("Dropout", net.blob(node.input(0)), ratio=node.operator.ratio, is_test=1)
