"""Operators that move numbers without changing them."""

from __future__ import annotations

from math import prod

import numpy as np

from pipeline.caffe.write import layers
from pipeline.caffe.write.arithmetic import as_blob
from pipeline.caffe.write.builder import Blob, CaffeBuilder, Parameter, writes
from pipeline.caffe.write.padding import padded
from pipeline.caffe.write.selection import select, swap, transpose
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
from pipeline.graph.operators.checks import positive_axes
from pipeline.graph.operators.slicing import slice_bounds
from pipeline.graph.values import Node


@writes(Reshape)
def reshape(node: Node[Reshape], net: CaffeBuilder) -> None:
    """Reshape, with 0 and -1 as the node has them."""
    message = {"shape": {"dim": node.operator.shape}}
    x = net.blob(node.input(0))
    net.give(node, net.layer("Reshape", [x], node.output.shape, reshape_param=message))


@writes(Flatten)
def flatten(node: Node[Flatten], net: CaffeBuilder) -> None:
    """Flatten, or Reshape for another axis."""
    x = net.blob(node.input(0))
    if node.operator.axis == 1 and x.rank > 1:
        net.give(node, net.layer("Flatten", [x], node.output.shape))
    else:
        net.give(node, layers.reshape(net, x, node.output.shape))


@writes(Squeeze, Unsqueeze)
def squeeze(node: Node, net: CaffeBuilder) -> None:
    """Reshape."""
    net.give(node, layers.reshape(net, net.blob(node.input(0)), node.output.shape))


@writes(Transpose)
def write_transpose(node: Node[Transpose], net: CaffeBuilder) -> None:
    """Slice, Concat and Reshape."""
    net.give(node, transpose(net, net.blob(node.input(0)), node.operator.perm))


@writes(Concat)
def concat(node: Node[Concat], net: CaffeBuilder) -> None:
    """Concat."""
    xs = [net.blob(node.input(index)) for index in range(len(node.inputs))]
    net.give(node, layers.concat(net, xs, node.operator.axis % xs[0].rank))


@writes(Split)
def split(node: Node[Split], net: CaffeBuilder) -> None:
    """Slice."""
    x, sizes = net.blob(node.input(0)), node.operator.split
    if min(sizes) == 0:
        net.refuse("one of its pieces is empty, and Caffe's blobs are never empty")
    net.give(node, *layers.sliced(net, x, node.operator.axis % x.rank, sizes))


@writes(Slice)
def write_slice(node: Node[Slice], net: CaffeBuilder) -> None:
    """Slice, once for each axis that is cut."""
    x = net.blob(node.input(0))
    axes = positive_axes(node.operator.axes, x.rank)
    for axis, start, end in zip(axes, node.operator.starts, node.operator.ends, strict=True):
        x = layers.cut(net, x, axis, *slice_bounds(x.shape[axis], start, end))
    net.give(node, x)


@writes(Expand)
def expand(node: Node, net: CaffeBuilder) -> None:
    """Reshape and Tile."""
    net.give(node, layers.expand(net, net.blob(node.input(0)), node.output.shape))


@writes(Tile)
def tile(node: Node[Tile], net: CaffeBuilder) -> None:
    """Tile, once for each axis that is repeated."""
    x, repeats = net.blob(node.input(0)), node.operator.repeats
    if min(repeats, default=1) < 1:
        net.refuse("it repeats its input no times, and Caffe's blobs are never empty")
    for axis, count in enumerate(repeats):
        x = layers.tile(net, x, axis, count)
    net.give(node, x)


@writes(Pad)
def pad(node: Node[Pad], net: CaffeBuilder) -> None:
    """Convolution and Bias for a constant; else places of the axis, mirrored or repeated."""
    x, mode = net.blob(node.input(0)), node.operator.mode
    pads = node.operator.pads
    pairs = list(zip(pads[: x.rank], pads[x.rank :], strict=True))
    if mode == "constant":
        net.give(node, padded(net, x, pairs, node.operator.value))
        return
    for axis, (begin, end) in enumerate(pairs):
        last = x.shape[axis] - 1
        x = select(net, x, axis, _nearest(np.arange(-begin, last + 1 + end), last, mode).tolist())
    net.give(node, x)


def _nearest(places: np.ndarray, last: int, mode: str) -> np.ndarray:
    """Return indices with those outside 0..last moved to its ends (edge), or mirrored at them repeatedly (reflect)."""
    if mode == "edge":
        near: np.ndarray = np.clip(places, 0, last)
    else:
        period = max(2 * last, 1)
        near = np.minimum(places % period, period - places % period)
    return near


@writes(Gather)
def gather(node: Node[Gather], net: CaffeBuilder) -> None:
    """Slices for constant indices, Embed for a constant table, else BatchReindex."""
    x, indices = net.operand(node.input(0)), net.operand(node.input(1))
    axis = node.operator.axis % node.input(0).rank
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    if isinstance(indices, Parameter):
        blob = as_blob(net, x)
        places = [place % x.shape[axis] for place in indices.array().astype(int).reshape(-1).tolist()]
        if not places:
            net.refuse("it takes nothing, and Caffe's blobs are never empty")
        y = select(net, blob, axis, places)
    elif isinstance(x, Parameter):
        y = swap(net, _embedded(net, x, axis, indices), 0, indices.rank, indices.rank + len(before))
    else:
        flat = layers.reshape(net, indices, (prod(indices.shape),))
        rows = swap(net, x, 0, axis, axis + 1)
        picked = net.layer("BatchReindex", [rows, flat], (*flat.shape, *rows.shape[1:]))
        y = swap(net, picked, 0, 1, 1 + len(before))
    net.give(node, layers.reshape(net, y, (*before, *indices.shape, *after)))


def _embedded(net: CaffeBuilder, table: Parameter, axis: int, indices: Blob) -> Blob:
    """Return the gathered parts of a table, (indices..., other axes...), by Embed, which takes rows of a matrix."""
    others = table.shape[:axis] + table.shape[axis + 1 :]
    rows, columns = table.shape[axis], prod(others)
    matrix = table.reshaped((rows, columns))
    if axis > 0:
        matrix = table.map(lambda array: np.moveaxis(array, axis, 0).reshape(rows, columns), (rows, columns))
    message = {"input_dim": rows, "num_output": columns, "bias_term": False}
    y = net.layer("Embed", [indices], (*indices.shape, columns), parameters=[matrix], embed_param=message)
    return layers.reshape(net, y, (*indices.shape, *others))


@writes(OneHot)
def one_hot(node: Node[OneHot], net: CaffeBuilder) -> None:
    """[j - index > -1] - [j - index > 0] for each place j, which is 0 for indices out of range, unlike Embed."""
    indices, depth = net.blob(node.input(0)), node.operator.depth
    repeated = layers.expand(net, layers.reshape(net, indices, (*indices.shape, 1)), node.output.shape)
    places = Parameter((depth,), lambda: np.arange(depth, dtype=np.float32))
    distance = layers.bias(net, layers.negative(net, repeated), places, indices.rank)
    above = layers.threshold(net, distance, -1.0)
    net.give(node, layers.difference(net, above, layers.threshold(net, distance, 0.0)))


@writes(DepthToSpace)
def depth_to_space(node: Node[DepthToSpace], net: CaffeBuilder) -> None:
    """Deconvolution of every channel's block**2 maps with a kernel that is 1 at one place."""
    x, block = net.blob(node.input(0)), node.operator.blocksize
    maps = node.output.shape[1]
    if node.operator.mode == "DCR":
        n, c, h, w = x.shape
        x = layers.reshape(net, swap(net, layers.reshape(net, x, (n, block**2, maps, h, w)), 1, 2, 3), (n, c, h, w))
    net.give(node, _blocks(net, "Deconvolution", x, block, maps, maps))


@writes(SpaceToDepth)
def space_to_depth(node: Node[SpaceToDepth], net: CaffeBuilder) -> None:
    """Convolution of every channel with block**2 kernels that are 1 at one place."""
    x, block = net.blob(node.input(0)), node.operator.blocksize
    maps = x.shape[1]
    y = _blocks(net, "Convolution", x, block, maps * block**2, maps)
    n, c, h, w = y.shape
    y = swap(net, layers.reshape(net, y, (n, maps, block**2, h, w)), 1, 2, 3)
    net.give(node, layers.reshape(net, y, (n, c, h, w)))


def _blocks(net: CaffeBuilder, kind: str, x: Blob, block: int, outputs: int, group: int) -> Blob:
    """Return x moved between space and depth, by weights (Cin or Cout, 1, block, block) of 0 and 1."""
    places = np.eye(block**2, dtype=np.float32).reshape(-1, 1, block, block)
    weights = Parameter((group * block**2, 1, block, block), lambda: np.tile(places, (group, 1, 1, 1)))
    message = {
        "num_output": outputs,
        "bias_term": False,
        "group": group,
        "kernel_size": [block],
        "stride": [block],
    }
    n, _, h, w = x.shape
    size = (h * block, w * block) if kind == "Deconvolution" else (h // block, w // block)
    return net.layer(kind, [x], (n, outputs, *size), parameters=[weights], convolution_param=message)
