"""Operators that move numbers about, and resizing."""

from __future__ import annotations

import numpy as np

from pipeline.graph.builder import Builder
from pipeline.graph.expansions.registry import expands
from pipeline.graph.operators import Cast, Gather, OneHot, Pad, Resize, Unsqueeze
from pipeline.graph.operators.resize import coordinates
from pipeline.graph.values import Node, Value


@expands(OneHot)
def one_hot(node: Node[OneHot], net: Builder) -> Value:
    """Whether the index is 0, 1, 2 ..."""
    column = net.add(Unsqueeze(axes=(-1,)), node.input(0), part="column")
    places = net.weight(np.arange(node.operator.depth, dtype=np.int64), "places")
    return net.add(Cast(to="float32"), net.add("Equal", column, places, part="equal"))


@expands(Pad)
def pad(node: Node[Pad], net: Builder) -> Value:
    """Of mirrored or repeated places: those of the input that stand there, along one axis after the other."""
    x, op = node.input(0), node.operator
    if op.mode == "constant":
        raise ValueError("to pad with a constant is as simple as can be")
    for axis, (begin, end) in enumerate(op.pairs):
        if begin or end:
            places, last = np.arange(-begin, x.shape[axis] + end), x.shape[axis] - 1
            if op.mode == "reflect":
                period = max(2 * last, 1)
                places = np.minimum(places % period, period - places % period)
            x = net.add(Gather(axis=axis), x, net.weight(places.clip(0, last), f"places{axis}"), part=f"axis{axis}")
    return net.add("Identity", x) if x is node.input(0) else x


@expands(Resize)
def resize(node: Node[Resize], net: Builder) -> Value:
    """Take the numbers at the coordinates, axis by axis; linear mixes two of them: low + (high - low) part."""
    x, y, op = node.input(0), node.output, node.operator
    for axis, scale in enumerate(op.steps(x.shape, y.shape)):
        old, new, part = node.input(0).shape[axis], y.shape[axis], f"axis{axis}"
        at = coordinates(old, new, scale, op.coordinate_transformation_mode)
        if np.array_equal(at, np.arange(old)):
            continue
        below = np.floor(at).astype(np.int64)
        low = net.add(Gather(axis=axis), x, net.weight(below, f"below{axis}"), part=f"low{axis}")
        if op.mode == "nearest":
            x = low
            continue
        above = net.weight(np.minimum(below + 1, old - 1), f"above{axis}")
        step = net.add("Sub", net.add(Gather(axis=axis), x, above, part=f"high{axis}"), low, part=f"step{axis}")
        share = (at - below).astype(np.float32).reshape(-1, *(1,) * (x.rank - 1 - axis))
        x = net.add("Add", low, net.add("Mul", step, net.weight(share, f"share{axis}"), part=f"mixed{axis}"), part=part)
    return net.add("Identity", x) if x is node.input(0) else x
