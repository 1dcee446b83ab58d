"""Activations."""

from __future__ import annotations

from pipeline.graph.builder import Builder
from pipeline.graph.expansions.registry import expands
from pipeline.graph.operators import (
    Dropout,
    Elu,
    FeatureDropout,
    LogSoftmax,
    PRelu,
    ReduceMax,
    ReduceSum,
    Selu,
    Softplus,
)
from pipeline.graph.operators.checks import positive_axes
from pipeline.graph.values import Node, Value


@expands(LogSoftmax)
def log_softmax(node: Node[LogSoftmax], net: Builder) -> Value:
    """X - m - log(sum(exp(x - m))), m = max(x): Log of Softmax would underflow."""
    x = node.input(0)
    axes = positive_axes((node.operator.axis,), x.rank)
    shifted = net.add("Sub", x, net.add(ReduceMax(axes=axes), x, part="max"), part="shifted")
    total = net.add(ReduceSum(axes=axes), net.add("Exp", shifted, part="exp"), part="sum")
    return net.add("Sub", shifted, net.add("Log", total, part="log"))


@expands(PRelu)
def prelu(node: Node[PRelu], net: Builder) -> Value:
    """relu(x) - slope relu(-x)."""
    x, slope = node.input(0), node.input(1)
    falling = net.add("Relu", net.add("Neg", x, part="turned"), part="negative")
    return net.add("Sub", net.add("Relu", x, part="positive"), net.add("Mul", falling, slope, part="scaled"))


@expands(Selu)
def selu(node: Node[Selu], net: Builder) -> Value:
    """Gamma Elu(x)."""
    y = net.add(Elu(alpha=node.operator.alpha), node.input(0), part="elu")
    return net.add("Mul", y, net.constant(node.operator.gamma, "gamma"))


@expands(Softplus)
def softplus(node: Node[Softplus], net: Builder) -> Value:
    """Relu(x) - log(Sigmoid(|x|)), which does not overflow."""
    x = node.input(0)
    inner = net.add("Sigmoid", net.add("Abs", x, part="abs"), part="sigmoid")
    return net.add("Sub", net.add("Relu", x, part="positive"), net.add("Log", inner, part="log"))


@expands(FeatureDropout)
def feature_dropout(node: Node[FeatureDropout], net: Builder) -> Value:
    """Dropout, which at inference is the same."""
    return net.add(Dropout(ratio=node.operator.ratio), node.input(0))
