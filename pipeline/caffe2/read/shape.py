"""Operators that move numbers without changing them."""

from __future__ import annotations

from pipeline.caffe2.read.geometry import pads as read_pads
from pipeline.caffe2.read.operator import OperatorReader
from pipeline.caffe2.read.reader import Caffe2Reader, reads
from pipeline.graph.operators import (
    Concat,
    Expand,
    Flatten,
    Gather,
    Pad,
    Reshape,
    Slice,
    Split,
    Squeeze,
    Tile,
    Transpose,
    Unsqueeze,
)
from pipeline.graph.operators.checks import positive_axis


def _numbers(op: OperatorReader, net: Caffe2Reader, name: str, place: int) -> tuple[int, ...]:
    """Return a list of integers: an argument, or else an input that must be a parameter."""
    if len(op.inputs) <= place:
        return op.axes(name)
    array = net.array(op.inputs[place])
    if array is None:
        op.refuse(f"its {name} is computed while the net runs")
    return tuple(int(number) for number in array.ravel())


@reads("Reshape")
def reshape(op: OperatorReader, net: Caffe2Reader) -> None:
    """Reshape."""
    net.give(Reshape(shape=_numbers(op, net, "shape", 1)), net.value(op.inputs[0]))


@reads("Flatten")
def flatten(op: OperatorReader, net: Caffe2Reader) -> None:
    """Flatten."""
    net.give(Flatten(axis=op.int("axis", 1)), net.value(op.inputs[0]))


@reads("FlattenToVec")
def flatten_to_vector(op: OperatorReader, net: Caffe2Reader) -> None:
    """Reshape to one axis."""
    net.give(Reshape(shape=(-1,)), net.value(op.inputs[0]))


@reads("Transpose")
def transpose(op: OperatorReader, net: Caffe2Reader) -> None:
    """Transpose; of all axes where none are given."""
    x = net.value(op.inputs[0])
    net.give(Transpose(perm=op.ints("axes") or tuple(reversed(range(x.rank)))), x)


@reads("NCHW2NHWC")
def channels_last(op: OperatorReader, net: Caffe2Reader) -> None:
    """Transpose of the channels to the end."""
    x = net.value(op.inputs[0])
    net.give(Transpose(perm=(0, *range(2, x.rank), 1)), x)


@reads("NHWC2NCHW")
def channels_first(op: OperatorReader, net: Caffe2Reader) -> None:
    """Transpose of the channels to axis 1."""
    x = net.value(op.inputs[0])
    net.give(Transpose(perm=(0, x.rank - 1, *range(1, x.rank - 1))), x)


@reads("Squeeze")
def squeeze(op: OperatorReader, net: Caffe2Reader) -> None:
    """Squeeze."""
    net.give(Squeeze(axes=op.axes("dims")), net.value(op.inputs[0]))


@reads("ExpandDims")
def expand_dims(op: OperatorReader, net: Caffe2Reader) -> None:
    """Unsqueeze."""
    net.give(Unsqueeze(axes=op.axes("dims")), net.value(op.inputs[0]))


@reads("Concat", "DepthConcat")
def concat(op: OperatorReader, net: Caffe2Reader) -> None:
    """Concat; with add_axis, along an axis that is made."""
    values = net.values(op.inputs)
    axis = op.int("axis", 1)
    if op.int("add_axis", 0):
        axis = positive_axis(axis, values[0].rank + 1)
        values = [net.add(Unsqueeze(axes=(axis,)), value, part="expanded") for value in values]
    net.give(Concat(axis=axis), *values)


@reads("Split", "DepthSplit")
def split(op: OperatorReader, net: Caffe2Reader) -> None:
    """Split, into equal pieces where no sizes are given."""
    (blob,) = op.inputs
    x = net.value(blob)
    axis = positive_axis(op.int("axis", 1), x.rank)
    if op.int("add_axis", 0):
        op.refuse("argument Split.add_axis is not supported")
    equal = (x.shape[axis] // len(op.outputs),) * len(op.outputs)
    net.give(Split(split=op.ints("split") or equal, axis=axis), x)


@reads("Slice")
def slices(op: OperatorReader, net: Caffe2Reader) -> None:
    """Slice; a negative bound counts from one past the end."""
    x = net.value(op.inputs[0])
    starts, ends = _numbers(op, net, "starts", 1), _numbers(op, net, "ends", 2)
    bounds = []
    for axis, (start, end) in enumerate(zip(starts, ends, strict=True)):
        size = x.shape[axis]
        first, last = (number + size + 1 if number < 0 else number for number in (start, end))
        if (first, last) != (0, size):
            bounds.append((axis, first, last))
    axes, firsts, lasts = zip(*bounds, strict=True) if bounds else ((), (), ())
    net.give(Slice(starts=firsts, ends=lasts, axes=axes), x)


@reads("Tile")
def tile(op: OperatorReader, net: Caffe2Reader) -> None:
    """Tile along one axis."""
    (blob,) = op.inputs
    x = net.value(blob)
    repeats = [1] * x.rank
    repeats[positive_axis(op.int("axis", 0), x.rank)] = op.int("tiles", 1)
    net.give(Tile(repeats=tuple(repeats)), x)


@reads("Expand")
def expand(op: OperatorReader, net: Caffe2Reader) -> None:
    """Expand to a shape that is a parameter."""
    net.give(Expand(shape=_numbers(op, net, "shape", 1)), net.value(op.inputs[0]))


@reads("PadImage")
def pad_image(op: OperatorReader, net: Caffe2Reader) -> None:
    """Pad of the last two of four axes."""
    top, left, bottom, right = read_pads(op, 2)
    mode, value = op.word("mode", "constant"), op.float("value", 0.0)
    x = net.value(op.inputs[0])
    if mode == "reflect" and (max(top, bottom) >= x.shape[2] or max(left, right) >= x.shape[3]):
        op.refuse("arguments PadImage.pads reach further than the image, which Caffe2 does not check")
    net.give(Pad(pads=(0, 0, top, left, 0, 0, bottom, right), mode=mode, value=value), x)


@reads("Gather")
def gather(op: OperatorReader, net: Caffe2Reader) -> None:
    """Gather."""
    x, indices = net.values(op.inputs)
    net.give(Gather(axis=op.int("axis", 0)), x, indices)


@reads("ChannelShuffle")
def channel_shuffle(op: OperatorReader, net: Caffe2Reader) -> None:
    """Reshape, Transpose, Reshape."""
    x = net.value(op.inputs[0])
    group = op.int("group", 1)
    apart = net.reshape(x, (x.shape[0], group, x.shape[1] // group, *x.shape[2:]), "apart")
    net.give_as(net.add(Transpose(perm=(0, 2, 1, *range(3, apart.rank))), apart, part="turned"), x.shape)
