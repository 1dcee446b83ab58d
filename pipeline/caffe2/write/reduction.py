"""The k largest along an axis. Reductions, ArgMax and ArgMin are in `renamed.py`."""

from __future__ import annotations

from pipeline.caffe2.write.builder import Caffe2Builder, writes
from pipeline.graph.operators import TopK
from pipeline.graph.operators.checks import positive_axis
from pipeline.graph.values import Node


@writes(TopK, where=lambda node, graph: bool(node.operator.largest))
def top_k(node: Node[TopK], net: Caffe2Builder) -> None:
    """TopK."""
    x = node.input(0)
    if x.dtype != "float32":
        net.refuse("Caffe2 finds the largest of floats only, and here are integers", "cast to float before")
    net.give("TopK", net.blob(x), k=node.operator.k, axis=positive_axis(node.operator.axis, x.rank))
