"""Activations."""

from __future__ import annotations

import math

from pipeline.caffe2.read.operator import OperatorReader
from pipeline.caffe2.read.reader import Caffe2Reader, reads
from pipeline.graph.operators import Clip, Dropout, Selu, Softmax
from pipeline.graph.operators.checks import positive_axis


@reads("Softplus")
def softplus(op: OperatorReader, net: Caffe2Reader) -> None:
    """Softplus."""
    net.give("Softplus", net.value(op.inputs[0]))


@reads("PRelu")
def prelu(op: OperatorReader, net: Caffe2Reader) -> None:
    """PRelu, whose slope is one number or one a channel."""
    x, slope = net.values(op.inputs)
    shape = (slope.size,) + (1,) * (x.rank - 2) if slope.size > 1 else (1,)
    net.give("PRelu", x, net.shaped(op.inputs[1], shape, "slope"))


@reads("Selu")
def selu(op: OperatorReader, net: Caffe2Reader) -> None:
    """Selu, whose gamma is called scale."""
    alpha, gamma = op.float("alpha", 1.6732632423543772), op.float("scale", 1.0507009873554805)
    net.give(Selu(alpha=alpha, gamma=gamma), net.value(op.inputs[0]))


@reads("ReluN")
def relu_n(op: OperatorReader, net: Caffe2Reader) -> None:
    """Clip between 0 and n."""
    net.give(Clip(min=0.0, max=op.float("n")), net.value(op.inputs[0]))


@reads("Swish")
def swish(op: OperatorReader, net: Caffe2Reader) -> None:
    """Mul of x and its Sigmoid."""
    x = net.value(op.inputs[0])
    net.give("Mul", x, net.add("Sigmoid", x, part="sigmoid"))


@reads("Softmax")
def softmax(op: OperatorReader, net: Caffe2Reader) -> None:
    """Softmax over all axes from `axis` on."""
    x = net.value(op.inputs[0])
    axis = positive_axis(op.int("axis", 1), x.rank)
    if all(size == 1 for size in x.shape[axis + 1 :]):
        net.give(Softmax(axis=axis), x)
        return
    flat = net.reshape(x, (*x.shape[:axis], math.prod(x.shape[axis:])), "flat")
    net.give_as(net.add(Softmax(axis=axis), flat, part="softmax"), x.shape)


@reads("Dropout")
def dropout(op: OperatorReader, net: Caffe2Reader) -> None:
    """Dropout at inference; `is_test` must say so."""
    if not op.int("is_test", 0):
        op.refuse("Dropout.is_test is 0: it drops at random")
    net.give(Dropout(ratio=op.float("ratio", 0.5)), net.value(op.inputs[0]))
