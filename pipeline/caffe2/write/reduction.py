"""Reductions along axes, and the search for the largest."""

from __future__ import annotations

from pipeline.caffe2.write.builder import Caffe2Builder, writes
from pipeline.graph.operators import Reduction, Search, TopK
from pipeline.graph.operators.checks import positive_axes, positive_axis
from pipeline.graph.values import Node


def _axes(node: Node[Reduction]) -> dict[str, int | tuple[int, ...]]:
    axes = sorted(positive_axes(node.operator.axes, node.input(0).rank))
    return {"axes": tuple(axes), "keepdims": node.operator.keepdims}


def _axis(node: Node[Search]) -> dict[str, int]:
    axis = positive_axis(node.operator.axis, node.input(0).rank)
    return {"axis": axis, "keepdims": node.operator.keepdims}


@writes(TopK, where=lambda node, graph: bool(node.operator.largest))
def top_k(node: Node[TopK], net: Caffe2Builder) -> None:
    """TopK."""
    x = node.input(0)
    if x.dtype != "float32":
        net.refuse("Caffe2 finds the largest of floats only, and here are integers", "cast to float before")
    net.give("TopK", net.blob(x), k=node.operator.k, axis=positive_axis(node.operator.axis, x.rank))
