"""Operators that move numbers without changing them."""

from __future__ import annotations

import numpy as np

from pipeline.caffe2.write.builder import FLOAT, Caffe2Builder, Step, writes
from pipeline.caffe2.write.steps import crop, expand, on_numbers, pad, tile
from pipeline.graph.operators import (
    Concat,
    DepthToSpace,
    Expand,
    Flatten,
    Gather,
    OneHot,
    Pad,
    Reshape,
    Slice,
    SpaceToDepth,
    Split,
    Squeeze,
    Tile,
    Transpose,
    Unsqueeze,
)
from pipeline.graph.operators.checks import positive_axes, positive_axis
from pipeline.graph.operators.slicing import slice_bounds
from pipeline.graph.values import Node


@writes(Reshape)
def reshape(node: Node[Reshape], net: Caffe2Builder) -> None:
    """Reshape, in which 0 and -1 have the same meaning."""
    net.give("Reshape", net.blob(node.input(0)), shape=node.operator.shape)


@writes(Flatten)
def flatten(node: Node[Flatten], net: Caffe2Builder) -> None:
    """Flatten."""
    x = node.input(0)
    axis = node.operator.axis
    net.give("Flatten", net.blob(x), axis=axis + x.rank if axis < 0 else axis)


@writes(Transpose)
def transpose(node: Node[Transpose], net: Caffe2Builder) -> None:
    """Transpose."""
    x = node.input(0)
    net.through(net.blob(x), on_numbers(x.dtype, [("Transpose", {"axes": node.operator.perm})]))


@writes(Squeeze)
def squeeze(node: Node[Squeeze], net: Caffe2Builder) -> None:
    """Squeeze."""
    x = node.input(0)
    net.through(net.blob(x), _dims("Squeeze", node, x.rank))


@writes(Unsqueeze)
def unsqueeze(node: Node[Unsqueeze], net: Caffe2Builder) -> None:
    """ExpandDims."""
    x = node.input(0)
    net.through(net.blob(x), _dims("ExpandDims", node, node.output.rank))


def _dims(kind: str, node: Node[Squeeze] | Node[Unsqueeze], rank: int) -> list[Step]:
    dims = tuple(sorted(positive_axes(node.operator.axes, rank)))
    return [(kind, {"dims": dims})] if dims else []


@writes(Concat)
def concat(node: Node[Concat], net: Caffe2Builder) -> None:
    """Concat."""
    net.give("Concat", *net.blobs(node.inputs), axis=positive_axis(node.operator.axis, node.input(0).rank))


@writes(Split)
def split(node: Node[Split], net: Caffe2Builder) -> None:
    """Split."""
    x = node.input(0)
    axis = positive_axis(node.operator.axis, x.rank)
    net.give("Split", net.blob(x), axis=axis, split=node.operator.split)


@writes(Slice)
def slices(node: Node[Slice], net: Caffe2Builder) -> None:
    """One Slice for each axis."""
    x = node.input(0)
    bounds = [(0, size) for size in x.shape]
    axes = positive_axes(node.operator.axes, x.rank)
    for axis, start, end in zip(axes, node.operator.starts, node.operator.ends, strict=True):
        bounds[axis] = slice_bounds(x.shape[axis], start, end)
    net.through(net.blob(x), crop(x.shape, bounds))


@writes(Expand)
def expansion(node: Node, net: Caffe2Builder) -> None:
    """One Tile for each axis, because Expand takes its shape as a blob."""
    x = node.input(0)
    net.through(net.blob(x), on_numbers(x.dtype, expand(x.shape, node.output.shape)))


@writes(Tile)
def tiling(node: Node[Tile], net: Caffe2Builder) -> None:
    """One Tile for each axis."""
    x = node.input(0)
    net.through(net.blob(x), on_numbers(x.dtype, tile(node.operator.repeats)))


@writes(Pad)
def padding(node: Node[Pad], net: Caffe2Builder) -> None:
    """PadImage for the last two of four axes; one more, between two Reshapes, for each other axis."""
    x, pads = node.input(0), node.operator.pads
    if x.dtype != "float32":
        net.refuse("Caffe2 pads floats only, and here are integers", "cast to float before")
    steps = pad(x.shape, pads[: x.rank], pads[x.rank :], node.operator.mode, node.operator.value)
    net.through(net.blob(x), steps)


@writes(Gather)
def gather(node: Node[Gather], net: Caffe2Builder) -> None:
    """Gather along an axis."""
    x, indices = net.blobs(node.inputs)
    net.give("Gather", x, indices, axis=positive_axis(node.operator.axis, node.input(0).rank))


@writes(OneHot)
def one_hot(node: Node[OneHot], net: Caffe2Builder) -> None:
    """EQ of each index with 0, 1, 2 ..., because Caffe2's OneHot takes its depth as a blob, and returns bytes."""
    indices = node.input(0)
    column = net.step("ExpandDims", net.blob(indices), part="column", dims=(indices.rank,))
    numbers = net.constant(np.arange(node.operator.depth, dtype=np.int64), "numbers")
    net.give("Cast", net.step("EQ", column, numbers, part="equal"), to=FLOAT)


@writes(DepthToSpace)
def depth_to_space(node: Node[DepthToSpace], net: Caffe2Builder) -> None:
    """Reshape, Transpose, Reshape."""
    _, channels, height, width = node.input(0).shape
    block = node.operator.blocksize
    maps = channels // block**2
    if node.operator.mode == "CRD":
        apart, axes = (maps, block, block, height, width), (0, 1, 4, 2, 5, 3)
    else:
        apart, axes = (block, block, maps, height, width), (0, 3, 4, 1, 5, 2)
    _regroup(node, net, apart, axes)


@writes(SpaceToDepth)
def space_to_depth(node: Node[SpaceToDepth], net: Caffe2Builder) -> None:
    """Reshape, Transpose, Reshape."""
    _, channels, height, width = node.input(0).shape
    block = node.operator.blocksize
    _regroup(node, net, (channels, height // block, block, width // block, block), (0, 3, 5, 1, 2, 4))


def _regroup(node: Node, net: Caffe2Builder, apart: tuple[int, ...], axes: tuple[int, ...]) -> None:
    x = node.input(0)
    steps: list[Step] = [
        ("Reshape", {"shape": (0, *apart)}),
        ("Transpose", {"axes": axes}),
        ("Reshape", {"shape": (0, *node.output.shape[1:])}),
    ]
    net.through(net.blob(x), on_numbers(x.dtype, steps))
