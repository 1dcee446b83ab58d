"""What an operator is in terms of simpler ones, for formats that have no form of their own for it.

Each function is given a node and returns values of the types that the node's outputs have.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from pipeline.graph.budget import Budget
from pipeline.graph.builder import Builder
from pipeline.graph.names import Names
from pipeline.graph.operators import (
    ArgMax,
    ArgMin,
    AveragePool,
    Concat,
    Elu,
    LayerNormalization,
    LogSoftmax,
    LpPool,
    MaxPool,
    MeanVarianceNormalization,
    Operator,
    Pad,
    PRelu,
    ReduceLogSumExp,
    ReduceMax,
    ReduceMean,
    ReduceMin,
    ReduceProd,
    ReduceSum,
    ReduceSumSquare,
    Selu,
    Slice,
    Softplus,
    Split,
    TopK,
)
from pipeline.graph.operators.checks import positive_axes
from pipeline.graph.registry import Registry
from pipeline.graph.values import Graph, Node, Value

Expansion = Callable[[Node[Any], Builder], Value | tuple[Value, ...]]
EXPANSIONS: Registry[Expansion] = Registry("expansion of operator")
O = TypeVar("O", bound=Operator)  # noqa: E741 - an operator
R = TypeVar("R", bound=Value | tuple[Value, ...])

LOWEST = float(np.finfo(np.float32).min)


def expands(operator: type[O]) -> Callable[[Callable[[Node[O], Builder], R]], Callable[[Node[O], Builder], R]]:
    """Decorate the expansion of an operator; raises ValueError where it already has one."""
    return EXPANSIONS.register(operator.name)


def expanded(graph: Graph, has: Callable[[Node, Graph], bool]) -> Graph:
    """Expand the nodes for which `has` does not hold, and what they are expanded to, where an expansion is known.

    Given:
        y = TopK(x, largest=0)               and has holds for TopK with largest=1 only
    Result:
        y = Neg(TopK(Neg(x), largest=1))
    """
    taken = Names(value.name for value in (*graph.inputs, *graph.values()))
    taken.update(graph.weights, (node.name for node in graph.nodes))
    weights = dict(graph.weights)
    nodes: list[Node] = []
    waiting, budget = list(reversed(graph.nodes)), Budget()
    budget.grow("activations", sum(value.type.bytes for value in graph.inputs))
    while waiting:
        node = waiting.pop()
        expansion = EXPANSIONS.get(node.operator.name)
        if expansion is None or has(node, graph):
            nodes.append(node)
            continue
        net = Builder(taken=taken, budget=budget)
        waiting += reversed(_parts(node, expansion, net))
        weights |= net.weights
    return graph if nodes == [*graph.nodes] else replace(graph, nodes=tuple(nodes), weights=weights)


def _parts(node: Node, expansion: Expansion, net: Builder) -> list[Node]:
    """Return the nodes of an expansion, of which the last ones give the node's own outputs."""
    with net.at(node.name, node.origin):
        made = expansion(node, net)
    outputs = made if isinstance(made, tuple) else (made,)
    if [value.type for value in outputs] != [value.type for value in node.outputs]:
        raise ValueError(f"{node.name} ({node.operator.name}) is expanded to {outputs} instead of {node.outputs}")
    final = {value.name: own for value, own in zip(outputs, node.outputs, strict=True)}
    parts = []
    for part in net.finish(outputs).nodes:
        name = node.name if part.output.name == outputs[0].name else part.name
        given = tuple(final.get(value.name, value) for value in part.outputs)
        parts.append(replace(part.taking(final), name=name, outputs=given))
    return parts


@expands(LogSoftmax)
def log_softmax(node: Node[LogSoftmax], net: Builder) -> Value:
    """X - m - log(sum(exp(x - m))), m = max(x): Log of Softmax would underflow."""
    x = node.input(0)
    axes = positive_axes((node.operator.axis,), x.rank)
    shifted = net.add("Sub", x, net.add(ReduceMax(axes=axes), x, part="max"), part="shifted")
    total = net.add(ReduceSum(axes=axes), net.add("Exp", shifted, part="exp"), part="sum")
    return net.add("Sub", shifted, net.add("Log", total, part="log"))


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


@expands(PRelu)
def prelu(node: Node[PRelu], net: Builder) -> Value:
    """relu(x) - slope relu(-x)."""
    x, slope = node.input(0), node.input(1)
    falling = net.add("Relu", net.add("Neg", x, part="turned"), part="negative")
    return net.add("Sub", net.add("Relu", x, part="positive"), net.add("Mul", falling, slope, part="scaled"))


@expands(Selu)
def selu(node: Node[Selu], net: Builder) -> Value:
    """Gamma Elu(x)."""
    y = net.add(Elu(alpha=node.operator.alpha), node.input(0), part="elu")
    return net.add("Mul", y, net.constant(node.operator.gamma, "gamma"))


@expands(Softplus)
def softplus(node: Node[Softplus], net: Builder) -> Value:
    """Relu(x) - log(Sigmoid(|x|)), which does not overflow."""
    x = node.input(0)
    inner = net.add("Sigmoid", net.add("Abs", x, part="abs"), part="sigmoid")
    return net.add("Sub", net.add("Relu", x, part="positive"), net.add("Log", inner, part="log"))


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


@expands(LpPool)
def lp_pool(node: Node[LpPool], net: Builder) -> Value:
    """(size of the window times the average of the powers, padding included) ** (1 / p)."""
    x, op = node.input(0), node.operator
    magnitude = net.add("Abs", x, part="abs") if op.p % 2 else x
    powers = net.add("Pow", magnitude, net.constant(op.p, "p"), part="power")
    average = AveragePool(kernel_shape=op.kernel_shape, strides=op.strides, pads=op.pads, count_include_pad=1)
    size = net.constant(math.prod(op.kernel_shape), "size")
    total = net.add("Mul", net.add(average, powers, part="average"), size, part="sum")
    return net.add("Pow", total, net.constant(1 / op.p, "root"))


@expands(MaxPool)
def max_pool(node: Node[MaxPool], net: Builder) -> Value:
    """Of dilated windows: the largest of as many shifted copies as the kernel has places, axis by axis."""
    x, op, counts = node.input(0), node.operator, node.output.shape[2:]
    spans = [(count - 1) * stride for count, stride in zip(counts, op.strides, strict=True)]
    geometry = zip(spans, op.extents, op.begins, x.shape[2:], strict=True)
    ends = [span + extent - begin - size for span, extent, begin, size in geometry]
    if any(op.begins) or any(ends):
        x = net.add(Pad(pads=(0, 0, *op.begins, 0, 0, *ends), value=LOWEST), x, part="padded")
    for axis, (span, k, dilation) in enumerate(zip(spans, op.kernel_shape, op.dilations, strict=True)):
        if k > 1:
            cuts = [
                Slice(starts=(i,), ends=(i + span + 1,), axes=(axis + 2,)) for i in range(0, k * dilation, dilation)
            ]
            shifted = [net.add(cut, x, part=f"axis{axis}_{i}") for i, cut in enumerate(cuts)]
            x = net.add("Max", *shifted, part=f"axis{axis}")
    if max(op.strides) == 1:
        return x
    zeros, ones = (0,) * 2 * op.axes, (1,) * op.axes
    return net.add(MaxPool(kernel_shape=ones, strides=op.strides, pads=zeros, dilations=ones), x)
