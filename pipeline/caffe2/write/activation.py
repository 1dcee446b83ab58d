"""Activations."""

from __future__ import annotations

from pipeline.caffe2.write.builder import Caffe2Builder, Step, writes
from pipeline.graph.operators import Dropout, PRelu, Selu, Softmax
from pipeline.graph.operators.checks import positive_axis
from pipeline.graph.values import Graph, Node


def _slope_a_channel(node: Node[PRelu], graph: Graph) -> bool:
    x, slope = node.input(0), node.input(1)
    aligned = (1,) * (x.rank - slope.rank) + slope.shape
    return x.rank > 1 and slope.size in (1, aligned[1])


@writes(PRelu, where=_slope_a_channel)
def prelu(node: Node, net: Caffe2Builder) -> None:
    """PRelu with a single slope, or one for each channel."""
    slope = node.input(1)
    net.give("PRelu", net.blob(node.input(0)), net.shaped(slope, (slope.size,)))


@writes(Selu, where=lambda node, graph: node.operator.gamma > 1)
def selu(node: Node[Selu], net: Caffe2Builder) -> None:
    """Selu, whose scale must be above 1."""
    net.give("Selu", net.blob(node.input(0)), alpha=node.operator.alpha, scale=node.operator.gamma)


@writes(Softmax)
def softmax(node: Node[Softmax], net: Caffe2Builder) -> None:
    """Softmax along the last axis. Another axis is moved there, since Caffe2 merges all axes from `axis` on."""
    x = node.input(0)
    axis = positive_axis(node.operator.axis, x.rank)
    alone = all(size == 1 for size in x.shape[axis + 1 :])
    steps: list[Step] = [("Softmax", {"axis": axis if alone else x.rank - 1})]
    if not alone:
        turned = tuple(x.rank - 1 if i == axis else axis if i == x.rank - 1 else i for i in range(x.rank))
        turn: Step = ("Transpose", {"axes": turned})
        steps = [turn, *steps, turn]
    net.through(net.blob(x), steps)


@writes(Dropout)
def dropout(node: Node[Dropout], net: Caffe2Builder) -> None:
    """Dropout with is_test, which changes nothing."""
    net.give("Dropout", net.blob(node.input(0)), ratio=node.operator.ratio, is_test=1)
