"""Operators whose inputs are broadcast: by Caffe2 if it can do that, or else to equal shapes first."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.caffe2.write.builder import FLOAT, Caffe2Builder
from pipeline.caffe2.write.steps import expand, on_numbers
from pipeline.graph.operators.checks import broadcast
from pipeline.graph.values import Node, Shape, Value


def give_binary(node: Node, net: Caffe2Builder, kind: str) -> None:
    """Add a Caffe2 operator that broadcasts its two inputs, and makes the output of the node.

    A constant is the second input, in the form that all versions support: with its own axes only, the argument
    `broadcast`, and the first of these axes as `axis`. Two computed values are broadcast by numpy's rule, which 1.0.1
    supports.
    """
    a, b = node.input(0), node.input(1)
    if node.operator.commutes and net.array(a) is not None and net.array(b) is None:
        a, b = b, a
    if a.shape == node.output.shape and net.array(b) is not None:
        blob, placed = own_axes(net, node.output.shape, b)
        net.give(kind, net.blob(a), blob, **placed)
    else:
        net.give(kind, net.blob(a), net.blob(b))


def own_axes(net: Caffe2Builder, shape: Shape, b: Value) -> tuple[str, dict[str, int]]:
    """Return a constant without the axes over which it is broadcast, and the arguments that align it with `shape`.

    If its own axes are not consecutive, it stays as it is, to be broadcast by numpy's rule. A constant that fits a
    batch of one fits any batch.
    """
    run = None if b.shape == shape and shape[:1] != (1,) else _run(shape, b.shape)
    if run is None:
        return net.blob(b), {}
    first, end = run
    if first == end:
        return net.shaped(b, (1,)), {"broadcast": 1}
    return net.shaped(b, shape[first:end]), {"broadcast": 1, "axis": first}


def _run(shape: Shape, b: Shape) -> tuple[int, int] | None:
    """Return the range of axes (first, last + 1) of `shape` that b has, too; None if they are not consecutive.

    >>> _run((2, 3, 4, 5), (3, 1, 1)), _run((2, 3, 4), (2, 1, 4)), _run((2, 3), (1,))
    ((1, 2), None, (2, 2))
    """
    aligned = (1,) * (len(shape) - len(b)) + b
    own = [axis for axis, size in enumerate(aligned) if size != 1]
    first, end = (own[0], own[-1] + 1) if own else (len(shape), len(shape))
    return (first, end) if aligned[first:end] == shape[first:end] else None


def equal_shapes(net: Caffe2Builder, values: Sequence[Value]) -> list[str]:
    """Return the blobs of values after broadcasting all of them to their common shape."""
    shape = broadcast(*(value.shape for value in values))
    whole = [value for value in values if value.shape == shape and net.array(value) is None]
    like = whole[0] if whole else None
    return [_broadcast_to(net, value, shape, like, i) for i, value in enumerate(values)]


def _broadcast_to(net: Caffe2Builder, value: Value, shape: Shape, like: Value | None, index: int) -> str:
    if value.shape == shape:
        return net.blob(value)
    array = net.array(value)
    part = f"operand{index}"
    if array is not None and array.size == 1 and value.dtype == "float32" and like is not None:
        # Expanded to the shape of another operand, so that the batch size stays free.
        return net.step("ConstantFill", net.blob(like), part=part, value=float(array.item()), dtype=FLOAT)
    return net.through(net.blob(value), on_numbers(value.dtype, expand(value.shape, shape)), part)
