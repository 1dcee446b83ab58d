"""Comparisons, and operators on bools."""

from __future__ import annotations

from pipeline.caffe2.write.broadcasting import equal_shapes
from pipeline.caffe2.write.builder import Caffe2Builder, writes
from pipeline.graph.operators import IsNaN, Where
from pipeline.graph.values import Node


@writes(IsNaN)
def is_nan(node: Node, net: Caffe2Builder) -> None:
    """Not x >= x, which holds only for NaN."""
    x = net.blob(node.input(0))
    net.give("Not", net.step("GE", x, x, part="number"))


@writes(Where)
def where(node: Node, net: Caffe2Builder) -> None:
    """Where, of inputs made equal in shape."""
    values = node.input(0), node.input(1), node.input(2)
    net.give("Where", *equal_shapes(net, values))
