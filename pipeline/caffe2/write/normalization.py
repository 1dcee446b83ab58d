"""Normalisations."""

from __future__ import annotations

import math

import numpy as np

from pipeline.caffe2.write.builder import FLOAT, Caffe2Builder, Step, writes
from pipeline.caffe2.write.steps import pad, reshape
from pipeline.graph.operators import LRN, BatchNormalization, InstanceNormalization, LayerNormalization, LpNormalization
from pipeline.graph.operators.checks import positive_axis
from pipeline.graph.values import Node, Shape

LEAST = float(np.finfo(np.float32).tiny)


@writes(BatchNormalization)
def batch_normalization(node: Node[BatchNormalization], net: Caffe2Builder) -> None:
    """SpatialBN with is_test; a matrix gets a third axis, which 1.0.1 asks for.

    It refuses an epsilon of 0, in whose place the least float stands: it changes no variance but one of 0.
    """
    x = node.input(0)
    scale_and_bias = _affine(node, net, 1, 2)
    statistics = net.blobs(node.inputs[3:5])
    how: dict[str, int | float] = {"is_test": 1, "epsilon": node.operator.epsilon or LEAST}
    if x.rank > 2:
        net.give("SpatialBN", net.blob(x), *scale_and_bias, *statistics, **how)
        return
    expanded = net.step("ExpandDims", net.blob(x), part="expanded", dims=(2,))
    normal = net.step("SpatialBN", expanded, *scale_and_bias, *statistics, part="normal", **how)
    net.give("Squeeze", normal, dims=(2,))


def _affine(node: Node, net: Caffe2Builder, scale: int, bias: int) -> list[str]:
    """Return the blobs of scale and bias, which Caffe2 requires: ones and zeros if there are none."""
    channels = node.input(0).shape[1]
    given = net.blob(node.input(scale)) if node.has_input(scale) else ""
    offset = net.blob(node.input(bias)) if node.has_input(bias) else ""
    return [
        given or net.constant(np.ones(channels, np.float32), "scale"),
        offset or net.constant(np.zeros(channels, np.float32), "bias"),
    ]


@writes(InstanceNormalization)
def instance_normalization(node: Node[InstanceNormalization], net: Caffe2Builder) -> None:
    """InstanceNorm over two axes, the only ones that 1.0.1 gets right; others become two."""
    x = node.input(0)
    flat: Shape = x.shape if x.rank == 4 else (*x.shape[:2], math.prod(x.shape[2:]), 1)
    blob = net.through(net.blob(x), reshape(x.shape, flat), "flat") if flat != x.shape else net.blob(x)
    inputs = [blob, *_affine(node, net, 1, 2)]
    epsilon = node.operator.epsilon
    if flat == x.shape:
        net.give("InstanceNorm", *inputs, epsilon=epsilon)
    else:
        net.through(net.step("InstanceNorm", *inputs, part="normal", epsilon=epsilon), reshape(flat, x.shape))


@writes(LayerNormalization, where=lambda node, graph: not node.has_input(1) and not node.has_input(2))
def layer_normalization(node: Node[LayerNormalization], net: Caffe2Builder) -> None:
    """LayerNorm; 1.0.1 has no elementwise_affine."""
    x, op = node.input(0), node.operator
    axis = positive_axis(op.axis, x.rank)
    net.op("LayerNorm", [net.blob(x)], [node.output.name], axis=axis, epsilon=op.epsilon)


@writes(LRN)
def lrn(node: Node[LRN], net: Caffe2Builder) -> None:
    """LRN over (N, C, H, W), an odd number of channels, alpha and beta above 0; else AveragePool over the channels."""
    x, size = node.input(0), node.operator.size
    alpha, beta, bias = node.operator.alpha, node.operator.beta, node.operator.bias
    image: Shape = x.shape if x.rank == 4 else (*x.shape[:2], math.prod(x.shape[2:]), 1)
    if size % 2 and min(alpha, beta) > 0:
        rule: Step = ("LRN", {"size": size, "alpha": alpha, "beta": beta, "bias": bias})
        net.through(net.blob(x), [*reshape(x.shape, image), rule, *reshape(image, x.shape)])
        return
    channels, rest = x.shape[1], math.prod(x.shape[2:])
    column: Shape = (x.shape[0], 1, channels, rest)
    before, after = (size - 1) // 2, size // 2
    steps: list[Step] = [
        ("Mul", {}),
        *reshape(x.shape, column),
        *pad(column, (0, 0, before, 0), (0, 0, after, 0)),
        ("AveragePool", {"kernels": (size, 1), "strides": (1, 1), "pads": (0, 0, 0, 0)}),
        *reshape(column, x.shape),
        ("Scale", {"scale": alpha}),
    ]
    squares = net.step("Mul", net.blob(x), net.blob(x), part="squares")
    sums = net.through(squares, steps[1:], "sums")
    shifted = net.step("Add", sums, net.constant(np.array([bias], np.float32), "offset"), part="shifted", broadcast=1)
    net.give("Div", net.blob(x), net.step("Pow", shifted, part="scale", exponent=beta))


@writes(LpNormalization)
def lp_normalization(node: Node[LpNormalization], net: Caffe2Builder) -> None:
    """Normalize for p = 2; else x / (norm + 1 where the norm is 0): NormalizeL1 leaves rows of zeros unwritten."""
    x, p = node.input(0), node.operator.p
    axis = positive_axis(node.operator.axis, x.rank)
    if p == 2:
        net.give("Normalize", net.blob(x), axis=axis)
        return
    powers: list[Step] = [("Abs", {}), ("Pow", {"exponent": float(p)})] if p != 1 else []
    root: list[Step] = [("Pow", {"exponent": 1 / p})] if p != 1 else []
    reduce: Step = ("ReduceSum" if p != 1 else "ReduceL1", {"axes": (axis,), "keepdims": 1})
    norm = net.through(net.blob(x), [*powers, reduce, *root], "norm")
    zero = net.constant(np.zeros(1, np.float32), "zero")
    none = net.step("LE", norm, zero, part="none", broadcast=1)
    extra = net.step("Cast", none, part="extra", to=FLOAT)
    net.give("Div", net.blob(x), net.step("Add", norm, extra, part="divisor"))
