"""Reductions along axes, and the search for the largest."""

from __future__ import annotations

from pipeline.caffe2.write.builder import Caffe2Builder, writes
from pipeline.graph.operators import (
    ArgMax,
    ArgMin,
    ReduceL1,
    ReduceL2,
    ReduceMax,
    ReduceMean,
    ReduceMin,
    ReduceSum,
    Reduction,
    Search,
    TopK,
)
from pipeline.graph.operators.checks import positive_axes, positive_axis
from pipeline.graph.values import Node


def _axes(node: Node[Reduction]) -> dict[str, int | tuple[int, ...]]:
    axes = sorted(positive_axes(node.operator.axes, node.input(0).rank))
    return {"axes": tuple(axes), "keepdims": node.operator.keepdims}


@writes(ReduceSum)
def reduce_sum(node: Node[ReduceSum], net: Caffe2Builder) -> None:
    """ReduceSum."""
    net.give("ReduceSum", net.blob(node.input(0)), **_axes(node))


@writes(ReduceMean)
def reduce_mean(node: Node[ReduceMean], net: Caffe2Builder) -> None:
    """ReduceMean."""
    net.give("ReduceMean", net.blob(node.input(0)), **_axes(node))


@writes(ReduceMax)
def reduce_max(node: Node[ReduceMax], net: Caffe2Builder) -> None:
    """ReduceMax."""
    net.give("ReduceMax", net.blob(node.input(0)), **_axes(node))


@writes(ReduceMin)
def reduce_min(node: Node[ReduceMin], net: Caffe2Builder) -> None:
    """ReduceMin."""
    net.give("ReduceMin", net.blob(node.input(0)), **_axes(node))


@writes(ReduceL1)
def reduce_l1(node: Node[ReduceL1], net: Caffe2Builder) -> None:
    """ReduceL1."""
    net.give("ReduceL1", net.blob(node.input(0)), **_axes(node))


@writes(ReduceL2)
def reduce_l2(node: Node[ReduceL2], net: Caffe2Builder) -> None:
    """ReduceL2."""
    net.give("ReduceL2", net.blob(node.input(0)), **_axes(node))


@writes(ArgMax)
def arg_max(node: Node[ArgMax], net: Caffe2Builder) -> None:
    """ArgMax."""
    net.give("ArgMax", net.blob(node.input(0)), **_axis(node))


@writes(ArgMin)
def arg_min(node: Node[ArgMin], net: Caffe2Builder) -> None:
    """ArgMin."""
    net.give("ArgMin", net.blob(node.input(0)), **_axis(node))


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
