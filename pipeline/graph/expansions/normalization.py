"""Normalisations."""

from __future__ import annotations

import math

from pipeline.graph.builder import Builder
from pipeline.graph.expansions.registry import expands
from pipeline.graph.operators import (
    LRN,
    AveragePool,
    Cast,
    LayerNormalization,
    LpNormalization,
    MeanVarianceNormalization,
    ReduceMean,
    ReduceSum,
)
from pipeline.graph.values import Node, Value


@expands(MeanVarianceNormalization)
def mean_variance_normalization(node: Node[MeanVarianceNormalization], net: Builder) -> Value:
    """(x - mean) / (sqrt(mean of squares) + 1e-9)."""
    x, mean = node.input(0), ReduceMean(axes=node.operator.axes)
    centred = net.add("Sub", x, net.add(mean, x, part="mean"), part="centred")
    variance = net.add(mean, net.add("Mul", centred, centred, part="squares"), part="variance")
    deviation = net.add("Sqrt", variance, part="deviation")
    return net.add("Div", centred, net.add("Add", deviation, net.constant(1e-9, "tiny"), part="divisor"))


@expands(LayerNormalization)
def layer_normalization(node: Node[LayerNormalization], net: Builder) -> Value:
    """Without scale and bias, then times the one, plus the other."""
    y = net.add(node.operator, node.input(0), part="normal")
    if node.has_input(1):
        y = net.add("Mul", y, node.input(1), part="scaled")
    return net.add("Add", y, node.input(2)) if node.has_input(2) else y


@expands(LRN)
def lrn(node: Node[LRN], net: Builder) -> Value:
    """X / (bias + alpha average) ** beta, an average of squares over a column of as many channels."""
    x, op = node.input(0), node.operator
    column = net.reshape(net.add("Mul", x, x, part="squares"), (x.shape[0], 1, x.shape[1], math.prod(x.shape[2:])))
    pads = ((op.size - 1) // 2, 0, op.size // 2, 0)
    average = AveragePool(kernel_shape=(op.size, 1), strides=(1, 1), pads=pads, count_include_pad=1)
    means = net.reshape(net.add(average, column, part="average"), x.shape, part="means")
    scaled = net.add("Mul", means, net.constant(op.alpha, "alpha"), part="scaled")
    shifted = net.add("Add", scaled, net.constant(op.bias, "bias"), part="shifted")
    return net.add("Div", x, net.add("Pow", shifted, net.constant(op.beta, "beta"), part="divisor"))


@expands(LpNormalization)
def lp_normalization(node: Node[LpNormalization], net: Builder) -> Value:
    """X / (norm + 1 where the norm is 0)."""
    x, op = node.input(0), node.operator
    magnitude = net.add("Abs", x, part="abs")
    powers = net.add("Pow", magnitude, net.constant(op.p, "p"), part="powers")
    total = net.add(ReduceSum(axes=(op.axis,)), powers, part="sum")
    norm = net.add("Pow", total, net.constant(1 / op.p, "root"), part="norm")
    none = net.add("Equal", norm, net.constant(0, "zero"), part="none")
    return net.add("Div", x, net.add("Add", norm, net.add(Cast(to="float32"), none, part="one"), part="divisor"))
