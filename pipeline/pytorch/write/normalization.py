"""Normalisations."""

from __future__ import annotations

import math

import numpy as np

from pipeline.graph.operators import LRN, BatchNormalization, InstanceNormalization, LayerNormalization, LpNormalization
from pipeline.graph.operators.checks import positive_axis
from pipeline.graph.values import Graph, Node
from pipeline.pytorch.code import Literal, call, infix, method
from pipeline.pytorch.write.builder import Arrays, ModuleBuilder, writes

_TINY = 1e-38  # below every norm of a float32 that is not 0


@writes(BatchNormalization, where=lambda node, graph: node.input(0).rank <= 5)
def batch_normalization(node: Node[BatchNormalization], net: ModuleBuilder) -> None:
    """BatchNorm with running statistics. If it has only a scale or only a bias, the other is added."""
    x, channels = node.input(0), node.input(0).shape[1]
    axes = max(1, x.rank - 2)
    affine = node.has_input(1) or node.has_input(2)
    keywords = _epsilon(node.operator.epsilon) | ({} if affine else {"affine": False})
    arrays: Arrays = {
        "weight": (node.input(1) if node.has_input(1) else np.ones(channels, np.float32)) if affine else None,
        "bias": (node.input(2) if node.has_input(2) else np.zeros(channels, np.float32)) if affine else None,
        "running_mean": node.input(3),
        "running_var": node.input(4),
        "num_batches_tracked": np.zeros((), np.int64),
    }
    net.layer(call(f"nn.BatchNorm{axes}d", channels, **keywords), net.read(x), arrays)


def _epsilon(epsilon: float) -> dict[str, Literal]:
    return {} if np.float32(epsilon) == np.float32(1e-5) else {"eps": epsilon}


def _is_image(node: Node[InstanceNormalization], graph: Graph) -> bool:
    x = node.input(0)
    return x.rank <= 5 and math.prod(x.shape[2:]) > 1


@writes(InstanceNormalization, where=_is_image)
def instance_normalization(node: Node[InstanceNormalization], net: ModuleBuilder) -> None:
    """InstanceNorm, by the statistics of each image."""
    x, channels = node.input(0), node.input(0).shape[1]
    keywords = _epsilon(node.operator.epsilon)
    layer = f"nn.InstanceNorm{x.rank - 2}d"
    if not node.has_input(1) and not node.has_input(2):
        net.layer(call(layer, channels, **keywords), net.read(x))
        return
    weight = node.input(1) if node.has_input(1) else np.ones(channels, np.float32)
    bias = node.input(2) if node.has_input(2) else np.zeros(channels, np.float32)
    net.layer(call(layer, channels, **keywords, affine=True), net.read(x), {"weight": weight, "bias": bias})


@writes(LayerNormalization, where=lambda node, graph: not node.has_input(1) and not node.has_input(2))
def layer_normalization(node: Node[LayerNormalization], net: ModuleBuilder) -> None:
    """LayerNorm. If scale and bias have another shape than PyTorch requires, they are applied afterwards."""
    x, op = node.input(0), node.operator
    shape = x.shape[positive_axis(op.axis, x.rank) :]
    net.layer(call("nn.LayerNorm", shape, **_epsilon(op.epsilon), elementwise_affine=False), net.read(x))


@writes(LRN)
def lrn(node: Node[LRN], net: ModuleBuilder) -> None:
    """LocalResponseNorm. For even sizes its window differs by one channel, so then the sums are written out."""
    x, op = node.input(0), node.operator
    if op.size % 2 and x.rank > 2:
        layer = call("nn.LocalResponseNorm", op.size, alpha=op.alpha, beta=op.beta, k=op.bias)
        net.layer(layer, net.read(x))
        return
    ends = (0, 0) * (x.rank - 2) + ((op.size - 1) // 2, op.size // 2)
    squares = net.step(method(net.tensor(x), "square"), "squares")
    windows = net.step(method(call("F.pad", squares, ends), "unfold", 1, op.size, 1), "windows")
    means = net.step(method(windows, "mean", -1), "means")
    scale = method(infix(infix(means, "*", op.alpha), "+", op.bias), "pow", op.beta)
    net.give(infix(net.tensor(x), "/", net.step(scale, "scale")))


@writes(LpNormalization)
def lp_normalization(node: Node[LpNormalization], net: ModuleBuilder) -> None:
    """normalize, with a tiny eps, which is the least divisor."""
    x, op = node.input(0), node.operator
    axis = positive_axis(op.axis, x.rank)
    net.give(call("F.normalize", net.tensor(x), p=float(op.p), dim=axis, eps=_TINY))
