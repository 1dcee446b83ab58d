"""Reductions along axes, and the search for the largest."""

from __future__ import annotations

from pipeline.caffe2.write.builder import Caffe2Builder, Step, writes
from pipeline.caffe2.write.steps import reshape
from pipeline.graph.operators import (
    ArgMax,
    ArgMin,
    ReduceL1,
    ReduceL2,
    ReduceLogSumExp,
    ReduceMax,
    ReduceMean,
    ReduceMin,
    ReduceProd,
    ReduceSum,
    ReduceSumSquare,
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


@writes(ReduceSumSquare)
def reduce_sum_square(node: Node[ReduceSumSquare], net: Caffe2Builder) -> None:
    """ReduceSum of x times x."""
    x = net.blob(node.input(0))
    net.give("ReduceSum", net.step("Mul", x, x, part="squares"), **_axes(node))


@writes(ReduceLogSumExp)
def reduce_log_sum_exp(node: Node[ReduceLogSumExp], net: Caffe2Builder) -> None:
    """ReduceMax, Sub, Exp, ReduceSum, Log, Add, which do not overflow."""
    x = net.blob(node.input(0))
    axes = tuple(sorted(positive_axes(node.operator.axes, node.input(0).rank)))
    top = net.step("ReduceMax", x, part="max", axes=axes, keepdims=1)
    exp = net.step("Exp", net.step("Sub", x, top, part="shifted"), part="exp")
    log = net.step("Log", net.step("ReduceSum", exp, part="sum", axes=axes, keepdims=1), part="log")
    if node.operator.keepdims:
        net.give("Add", top, log)
    else:
        net.give("Squeeze", net.step("Add", top, log, part="kept"), dims=axes)


@writes(ReduceProd)
def reduce_prod(node: Node[ReduceProd], net: Caffe2Builder) -> None:
    """Each axis folded in half and multiplied until one place is left: Caffe2 has no ReduceProd."""
    x = node.input(0)
    blob, shape = net.blob(x), x.shape
    for axis in positive_axes(node.operator.axes, x.rank):
        size = shape[axis]
        if size == 0:
            net.refuse("a product of no numbers")
        while size > 1:
            half, odd = divmod(size, 2)
            names = [net.unique(f"{node.output.name}_{part}") for part in ("one", "other", "left")[: 2 + odd]]
            net.op("Split", [blob], names, axis=axis, split=(half, half, 1)[: 2 + odd])
            blob = net.step("Mul", *names[:2], part="product")
            if odd:
                blob = net.step("Concat", blob, names[2], part="rest", axis=axis)
            size = half + odd
        shape = (*shape[:axis], 1, *shape[axis + 1 :])
    steps: list[Step] = reshape(shape, node.output.shape)
    net.through(blob, steps)


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


@writes(TopK)
def top_k(node: Node[TopK], net: Caffe2Builder) -> None:
    """TopK; of the smallest, turned negative before and after."""
    x = node.input(0)
    if x.dtype != "float32":
        net.refuse("Caffe2 finds the largest of floats only, and here are integers", "cast to float before")
    how = {"k": node.operator.k, "axis": positive_axis(node.operator.axis, x.rank)}
    values, indices = (value.name for value in node.outputs)
    if node.operator.largest:
        net.op("TopK", [net.blob(x)], [values, indices], **how)
        return
    turned = net.unique(f"{values}_turned")
    net.op("TopK", [net.step("Negative", net.blob(x), part="negative")], [turned, indices], **how)
    net.op("Negative", [turned], [values])
