"""Reductions along axes, and the search for the largest along one."""

from __future__ import annotations

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
    TopK,
)
from pipeline.graph.operators.checks import positive_axes, positive_axis
from pipeline.graph.operators.reduction import Reduction, Search
from pipeline.graph.values import Node
from pipeline.pytorch.code import Literal, call, index, method
from pipeline.pytorch.write.builder import ModuleBuilder, writes

_METHODS = {
    "ReduceSum": "sum",
    "ReduceMean": "mean",
    "ReduceMax": "amax",
    "ReduceMin": "amin",
    "ReduceLogSumExp": "logsumexp",
}


def _along(node: Node[Reduction]) -> dict[str, Literal]:
    axes = positive_axes(node.operator.axes, node.input(0).rank)
    kept: dict[str, Literal] = {"keepdim": True} if node.operator.keepdims else {}
    return {"dim": axes[0] if len(axes) == 1 else axes, **kept}


@writes(ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceLogSumExp)
def reduce(node: Node[Reduction], net: ModuleBuilder) -> None:
    """Call the method of that name."""
    net.give(method(net.tensor(node.input(0)), _METHODS[node.operator.name], **_along(node)))


@writes(ReduceSumSquare)
def sum_square(node: Node[ReduceSumSquare], net: ModuleBuilder) -> None:
    """Sum the squares."""
    net.give(method(method(net.tensor(node.input(0)), "square"), "sum", **_along(node)))


@writes(ReduceL1, ReduceL2)
def norm(node: Node[Reduction], net: ModuleBuilder) -> None:
    """vector_norm."""
    order = 1 if node.operator.name == ReduceL1.name else 2
    net.give(call("torch.linalg.vector_norm", net.tensor(node.input(0)), order, **_along(node)))


@writes(ReduceProd, where=lambda node, graph: len(node.operator.axes) == 1)
def product(node: Node[ReduceProd], net: ModuleBuilder) -> None:
    """Multiply along one axis."""
    net.give(method(net.tensor(node.input(0)), "prod", **_along(node)))


@writes(ArgMax, ArgMin)
def search(node: Node[Search], net: ModuleBuilder) -> None:
    """Return the index of the largest, or of the smallest."""
    op, x = node.operator, node.input(0)
    kept: dict[str, Literal] = {"keepdim": True} if op.keepdims else {}
    net.give(method(net.tensor(x), op.name.lower(), dim=positive_axis(op.axis, x.rank), **kept))


@writes(TopK)
def top_k(node: Node[TopK], net: ModuleBuilder) -> None:
    """Take the first k of all numbers, sorted, because topk does not define which of equal numbers comes first."""
    op, x = node.operator, node.input(0)
    axis = positive_axis(op.axis, x.rank)
    ordered = net.step(call("torch.sort", net.tensor(x), dim=axis, descending=bool(op.largest), stable=True), "sorted")
    first = (*(":",) * axis, f":{op.k}")
    net.give(*(index(ordered, *first, of=name) for name in ("values", "indices")))
