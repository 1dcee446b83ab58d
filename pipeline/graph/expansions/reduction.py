"""Reductions along axes, and the search for the largest."""

from __future__ import annotations

from dataclasses import replace

from pipeline.graph.builder import Builder
from pipeline.graph.expansions.registry import expands
from pipeline.graph.operators import (
    ArgMax,
    ArgMin,
    Concat,
    ReduceLogSumExp,
    ReduceMax,
    ReduceMin,
    ReduceProd,
    ReduceSum,
    ReduceSumSquare,
    Split,
    TopK,
)
from pipeline.graph.operators.checks import positive_axes
from pipeline.graph.values import Node, Value


@expands(ReduceLogSumExp)
def reduce_log_sum_exp(node: Node[ReduceLogSumExp], net: Builder) -> Value:
    """M + log(sum(exp(x - m))), m = max(x), which does not overflow."""
    x, axes = node.input(0), node.operator.axes
    top = net.add(ReduceMax(axes=axes), x, part="max")
    terms = net.add("Exp", net.add("Sub", x, top, part="shifted"), part="exp")
    log = net.add("Log", net.add(ReduceSum(axes=axes), terms, part="sum"), part="log")
    return net.reshape(net.add("Add", log, top, part="kept"), node.output.shape)


@expands(ReduceSumSquare)
def reduce_sum_square(node: Node[ReduceSumSquare], net: Builder) -> Value:
    """Sum x times x."""
    x, op = node.input(0), node.operator
    return net.add(ReduceSum(axes=op.axes, keepdims=op.keepdims), net.add("Mul", x, x, part="squares"))


@expands(ReduceMin)
def reduce_min(node: Node[ReduceMin], net: Builder) -> Value:
    """-max(-x)."""
    turned, op = net.add("Neg", node.input(0), part="turned"), node.operator
    return net.add("Neg", net.add(ReduceMax(axes=op.axes, keepdims=op.keepdims), turned, part="max"))


@expands(ReduceProd)
def reduce_prod(node: Node[ReduceProd], net: Builder) -> Value:
    """Along each axis one half times the other, until one place is left."""
    x = node.input(0)
    for axis in positive_axes(node.operator.axes, x.rank):
        while x.shape[axis] > 1:
            half, odd = divmod(x.shape[axis], 2)
            pieces = net.add_many(Split(split=(half, half, 1)[: 2 + odd], axis=axis), x, part="halves")
            x = net.add("Mul", pieces[0], pieces[1], part="product")
            x = net.add(Concat(axis=axis), x, pieces[2], part="rest") if odd else x
    y = net.reshape(x, node.output.shape)
    return net.add("Identity", y) if y == node.input(0) else y  # where no axis has more than one place


@expands(ArgMin)
def arg_min(node: Node[ArgMin], net: Builder) -> Value:
    """Where -x is largest."""
    op = node.operator
    return net.add(ArgMax(axis=op.axis, keepdims=op.keepdims), net.add("Neg", node.input(0), part="turned"))


@expands(TopK)
def top_k(node: Node[TopK], net: Builder) -> tuple[Value, ...]:
    """Of the smallest: the largest of -x, turned back."""
    turned = net.add("Neg", node.input(0), part="turned")
    values, places = net.add_many(replace(node.operator, largest=1), turned, part="largest")
    return net.add("Neg", values), places
