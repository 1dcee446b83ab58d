"""Operators that move numbers without changing them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
from pipeline.graph.operators.windows import torch_padding
from pipeline.graph.values import Node, Shape
from pipeline.pytorch.code import Bracket, Code, call, code, index, infix, method, sequence
from pipeline.pytorch.write.builder import ModuleBuilder, writes
from pipeline.pytorch.write.convolution import pad_layer


def merged(old: Shape, new: Shape) -> tuple[int, int] | None:
    """Return the first and last axis that become one if only that changes `old` to `new`, or else None.

    >>> merged((2, 3, 4), (2, 12)), merged((2, 3, 4), (3, 8))
    ((1, 2), None)
    """
    span = len(old) - len(new)
    for first in reversed(range(len(new) if span > 0 else 0)):
        if old[:first] == new[:first] and old[first + span + 1 :] == new[first + 1 :]:
            return first, first + span
    return None


@writes(Reshape)
def reshape(node: Node[Reshape], net: ModuleBuilder) -> None:
    """Flatten or Unflatten if possible, else reshape, with unchanged sizes taken from the input."""
    x, y = node.input(0), node.output
    span, split = merged(x.shape, y.shape), merged(y.shape, x.shape)
    if span:
        net.layer(_flatten(*span, x.rank), net.read(x))
    elif split:
        first, last = split
        net.layer(call("nn.Unflatten", first, y.shape[first : last + 1]), net.read(x))
    elif x.shape == y.shape:
        net.alias(x)
    else:
        tensor = net.tensor(x)
        kept = (
            index(tensor, str(i), of="shape") if wanted == 0 else code(size)
            for i, (wanted, size) in enumerate(zip(node.operator.shape, y.shape, strict=True))
        )
        net.give(method(tensor, "reshape", *kept) if y.shape else method(tensor, "reshape", ()))


def _flatten(first: int, last: int, rank: int) -> Bracket:
    if last == rank - 1:
        return call("nn.Flatten") if first == 1 else call("nn.Flatten", first)
    return call("nn.Flatten", first, last)


@writes(Flatten)
def flatten(node: Node[Flatten], net: ModuleBuilder) -> None:
    """Flatten from the first axis on, or else a reshape to two axes."""
    x, y = node.input(0), node.output
    if node.operator.axis == 1 and x.rank > 1:
        net.layer(call("nn.Flatten"), net.read(x))
    else:
        net.give(method(net.tensor(x), "reshape", *y.shape))


@writes(Squeeze)
def squeeze(node: Node[Squeeze], net: ModuleBuilder) -> None:
    """Squeeze one axis after the other, the last one first."""
    x = net.tensor(node.input(0))
    for axis in sorted(positive_axes(node.operator.axes, node.input(0).rank), reverse=True):
        x = method(x, "squeeze", axis)
    net.give(x)


@writes(Unsqueeze)
def unsqueeze(node: Node[Unsqueeze], net: ModuleBuilder) -> None:
    """Unsqueeze one axis after the other."""
    x = net.tensor(node.input(0))
    for axis in sorted(positive_axes(node.operator.axes, node.output.rank)):
        x = method(x, "unsqueeze", axis)
    net.give(x)


@writes(Transpose)
def transpose(node: Node[Transpose], net: ModuleBuilder) -> None:
    """Transpose if only two axes are swapped, else permute."""
    perm = node.operator.perm
    moved = [axis for axis, old in enumerate(perm) if axis != old]
    x = net.tensor(node.input(0))
    net.give(method(x, "transpose", *moved) if len(moved) == 2 else method(x, "permute", *perm))


@writes(Concat)
def concat(node: Node[Concat], net: ModuleBuilder) -> None:
    """Concatenate the inputs."""
    values = [net.tensor(value) for value in node.inputs if value is not None]
    axis = positive_axis(node.operator.axis, node.output.rank)
    net.give(call("torch.cat", sequence(values), dim=axis)) if len(values) > 1 else net.alias(node.input(0))


@writes(Split)
def split(node: Node[Split], net: ModuleBuilder) -> None:
    """Split into pieces of given sizes."""
    x, op = node.input(0), node.operator
    if len(op.split) == 1:
        net.alias(x)
    else:
        net.give_all(method(net.tensor(x), "split", op.split, dim=positive_axis(op.axis, x.rank)))


@writes(Slice)
def slice_(node: Node[Slice], net: ModuleBuilder) -> None:
    """x[..., start:end, ...]."""
    x, op = node.input(0), node.operator
    sizes, places = list(x.shape), [":"] * x.rank
    for axis, start, end in zip(positive_axes(op.axes, x.rank), op.starts, op.ends, strict=True):
        first, last = slice_bounds(sizes[axis], start, end)
        places[axis] = _span(first, last, x.shape[axis])
    while places and places[-1] == ":":
        places.pop()
    net.give(index(net.tensor(x), *places)) if places else net.alias(x)


def _span(first: int, last: int, size: int) -> str:
    return f"{first or ''}:{'' if last == size else last}"


@writes(Expand)
def expand(node: Node[Expand], net: ModuleBuilder) -> None:
    """Expand; -1 leaves a size as it is."""
    x, y = node.input(0).shape, node.output.shape
    aligned = (0,) * (len(y) - len(x)) + x
    sizes = [-1 if old == new else new for old, new in zip(aligned, y, strict=True)]
    net.give(method(net.tensor(node.input(0)), "expand", *sizes))


@writes(Tile)
def tile(node: Node[Tile], net: ModuleBuilder) -> None:
    """Repeat."""
    net.give(method(net.tensor(node.input(0)), "repeat", *node.operator.repeats))


@writes(Pad)
def pad(node: Node[Pad], net: ModuleBuilder) -> None:
    """Pad the last axes by a layer if PyTorch has one, else by a function, or by indexing."""
    x, op = node.input(0), node.operator
    axes = max(1, max((x.rank - i for i, pair in enumerate(op.pairs) if any(pair)), default=1))
    ends = tuple(torch_padding(op.pads)[: 2 * axes])
    reach = min(x.shape[-axes:]) - (op.mode == "reflect")
    batched = axes <= 3 and axes < x.rank <= axes + 2
    if op.mode == "constant" and axes <= 3:
        net.layer(pad_layer(ends, op.value), net.read(x))
    elif op.mode == "constant":
        net.give(call("F.pad", net.tensor(x), ends, value=op.value))
    elif batched and min(ends) >= 0 and max(ends) <= reach:
        kind = "Reflection" if op.mode == "reflect" else "Replication"
        net.layer(call(f"nn.{kind}Pad{axes}d", ends), net.read(x))
    else:
        net.give(_copied(node, net))


def _copied(node: Node[Pad], net: ModuleBuilder) -> Code:
    x, op = node.input(0), node.operator
    y = net.tensor(x)
    for axis, (begin, end) in enumerate(op.pairs):
        if begin or end:
            last = x.shape[axis] - 1
            places = np.arange(-begin, x.shape[axis] + end)
            if op.mode == "reflect":
                period = max(2 * last, 1)
                places = np.minimum(places % period, period - places % period)
            kept = net.constant(places.clip(0, last).astype(np.int64), f"places{axis}")
            y = net.step(method(y, "index_select", axis, kept), f"axis{axis}")
    return y


@writes(Gather)
def gather(node: Node[Gather], net: ModuleBuilder) -> None:
    """Embedding if the rows are constant, else an index."""
    x, indices = node.input(0), node.input(1)
    axis = positive_axis(node.operator.axis, x.rank)
    if axis == 0 and x.rank == 2 and net.array(x) is not None and x.dtype == "float32":
        net.layer(call("nn.Embedding", *x.shape), net.tensor(indices), {"weight": x})
    else:
        net.give(index(net.tensor(x), *(":",) * axis, net.tensor(indices)))


@writes(OneHot)
def one_hot(node: Node[OneHot], net: ModuleBuilder) -> None:
    """Compare the index with 0, 1, 2 ..., because one_hot refuses indices out of range."""
    places = net.constant(np.arange(node.operator.depth, dtype=np.int64), "places")
    column = net.step(method(net.tensor(node.input(0)), "unsqueeze", -1), "column")
    net.give(method(infix(column, "==", places), "float"))


@writes(DepthToSpace)
def depth_to_space(node: Node[DepthToSpace], net: ModuleBuilder) -> None:
    """PixelShuffle if the channels are in its order."""
    b = node.operator.blocksize
    if node.operator.mode == "CRD":
        net.layer(call("nn.PixelShuffle", b), net.read(node.input(0)))
        return
    _, c, h, w = node.output.shape
    net.give(_moved(net, node, (b, b, c, h // b, w // b), (0, 3, 4, 1, 5, 2), (c, h, w)))


@writes(SpaceToDepth)
def space_to_depth(node: Node[SpaceToDepth], net: ModuleBuilder) -> None:
    """Reshape and permute, because PixelUnshuffle has its channels in another order."""
    b = node.operator.blocksize
    _, c, h, w = node.input(0).shape
    net.give(_moved(net, node, (c, h // b, b, w // b, b), (0, 3, 5, 1, 2, 4), node.output.shape[1:]))


def _moved(net: ModuleBuilder, node: Node, blocks: Shape, order: Sequence[int], sizes: Shape) -> Code:
    x = net.step(method(net.tensor(node.input(0)), "reshape", -1, *blocks), "blocks")
    return method(net.step(method(x, "permute", *order), "moved"), "reshape", -1, *sizes)
