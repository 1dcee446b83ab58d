"""Layers that move numbers without changing them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from pipeline.caffe.read.layer import Fields, LayerReader
from pipeline.caffe.read.reader import CaffeReader, reads
from pipeline.graph.operators import Cast, Concat, Flatten, Gather, Reshape, Resize, Slice, Split, Tile, Transpose
from pipeline.graph.operators.resize import aligned_resize

MOST_PLACES = 2**24


def _old_axis(layer: LayerReader, fields: Fields, old: str, rank: int) -> int:
    """Return `axis`, or its older form, which must not be given together with it, and must not be negative."""
    if fields.has(old):
        if fields.has("axis"):
            layer.invalid(f"it has both axis and {old}")
        return layer.axis(fields.int(old), rank)
    return layer.axis(fields.int("axis"), rank)


@reads("Concat")
def concat(layer: LayerReader, net: CaffeReader) -> None:
    """The bottoms, concatenated along an axis."""
    if not layer.bottoms:
        layer.invalid("it has no bottoms")
    axis = _old_axis(layer, layer.param("concat_param"), "concat_dim", layer.bottoms[0].rank)
    single = len(layer.bottoms) == 1
    net.give(layer, layer.bottoms[0] if single else net.add(Concat(axis=axis), *layer.bottoms))


@reads("Slice")
def slice_(layer: LayerReader, net: CaffeReader) -> None:
    """Pieces along an axis, cut at the slice points or of equal size (slice_layer.cpp)."""
    fields, x = layer.param("slice_param"), layer.bottom
    axis = _old_axis(layer, fields, "slice_dim", x.rank)
    size, points, count = x.shape[axis], fields.ints("slice_point"), len(layer.tops)
    if points:
        edges = (0, *points, size)
        pieces = tuple(end - start for start, end in pairwise(edges))
        if len(points) != count - 1 or min(pieces) < 1:
            layer.invalid(f"axis {axis} of {x.shape} does not make {count} tops, cut at {points}")
    elif not count or size % count:
        layer.invalid(f"axis {axis} of {x.shape} does not split into {count} equal tops")
    else:
        pieces = (size // count,) * count
    net.give(layer, *((x,) if count == 1 else net.add_many(Split(axis=axis, split=pieces), x)))


@reads("Split")
def split(layer: LayerReader, net: CaffeReader) -> None:
    """The bottom, as often as there are tops."""
    net.give(layer, *(layer.bottom,) * len(layer.tops))


@reads("Silence")
def silence(layer: LayerReader, net: CaffeReader) -> None:
    """Nothing: its bottoms are not outputs of the network."""
    net.give(layer)


@reads("Crop")
def crop(layer: LayerReader, net: CaffeReader) -> None:
    """The first bottom cut to the sizes of the second from an axis on (crop_layer.cpp)."""
    fields = layer.param("crop_param")
    x, reference = layer.take(2)
    start, offsets = layer.axis(fields.int("axis"), x.rank), fields.ints("offset")
    axes = tuple(range(start, x.rank))
    if len(offsets) not in (0, 1, len(axes)) or reference.rank != x.rank:
        layer.invalid(f"{len(offsets)} offsets from axis {start} on, for shapes {x.shape} and {reference.shape}")
    starts = offsets if len(offsets) == len(axes) else (offsets or (0,)) * len(axes)
    ends = tuple(begin + reference.shape[axis] for begin, axis in zip(starts, axes, strict=True))
    if any(end > x.shape[axis] for end, axis in zip(ends, axes, strict=True)):
        layer.invalid(f"shape {reference.shape} at {starts} reaches beyond shape {x.shape}")
    cut = [i for i, axis in enumerate(axes) if (starts[i], ends[i]) != (0, x.shape[axis])]
    if not cut:
        net.give(layer, x)
        return
    starts, ends, axes = (tuple(numbers[i] for i in cut) for numbers in (starts, ends, axes))
    net.give(layer, net.add(Slice(starts=starts, ends=ends, axes=axes), x))


@reads("Reshape")
def reshape(layer: LayerReader, net: CaffeReader) -> None:
    """Another shape for the axes from `axis` on, `num_axes` of them; 0 copies, -1 is inferred (reshape_layer.cpp)."""
    fields, x = layer.param("reshape_param"), layer.bottom
    axis, count = fields.int("axis"), fields.int("num_axes")
    dims = fields.dims("shape")
    start = axis if axis >= 0 else x.rank + axis + 1
    end = x.rank if count == -1 else start + count
    if not 0 <= start <= end <= x.rank or any(dim < -1 for dim in dims) or dims.count(-1) > 1:
        layer.invalid(f"axis {axis} and num_axes {count} into {dims}, for shape {x.shape}")
    if any(dim == 0 and start + i >= x.rank for i, dim in enumerate(dims)):
        layer.invalid(f"there is no axis to copy into {dims} from shape {x.shape}")
    net.give(layer, net.add(Reshape(shape=(0,) * start + dims + x.shape[end:]), x))


@reads("Flatten")
def flatten(layer: LayerReader, net: CaffeReader) -> None:
    """The axes from `axis` to `end_axis` as one. If `end_axis` is the axis before `axis`, an axis of 1 is inserted."""
    fields, x = layer.param("flatten_param"), layer.bottom
    start, end = layer.axis(fields.int("axis"), x.rank), layer.axis(fields.int("end_axis"), x.rank)
    if end < start - 1:
        layer.invalid(f"end_axis {end} comes before axis {start}")
    if start == 1 and end == x.rank - 1:
        net.give(layer, net.add(Flatten(axis=1), x))
    else:
        middle = -1 if end >= start else 1
        net.give(layer, net.add(Reshape(shape=(0,) * start + (middle,) + x.shape[end + 1 :]), x))


@reads("Tile")
def tile(layer: LayerReader, net: CaffeReader) -> None:
    """The bottom, repeated along an axis."""
    fields, x = layer.param("tile_param"), layer.bottom
    axis, tiles = layer.axis(fields.int("axis"), x.rank), fields.int("tiles")
    if tiles < 1:
        layer.invalid(f"{tiles} tiles")
    net.give(layer, net.add(Tile(repeats=tuple(tiles if i == axis else 1 for i in range(x.rank))), x))


@reads("BatchReindex")
def batch_reindex(layer: LayerReader, net: CaffeReader) -> None:
    """The items of the batch with the indices in the second bottom, which count from 0."""
    x, order = layer.take(2)
    if order.rank != 1 or not x.rank:
        layer.invalid(f"it needs a list of indices, not shape {order.shape}")
    net.give(layer, net.add(Gather(axis=0), x, net.add(Cast(to="int64"), order, part="indices")))


@reads("Filter")
def filter_(layer: LayerReader, net: CaffeReader) -> None:
    """Refused: the size of the output is known only when the network runs."""
    layer.refuse("the shape of its tops depends on the data")


@reads("Permute")
def permute(layer: LayerReader, net: CaffeReader) -> None:
    """SSD's permutation of axes; axes that are not named follow in order."""
    x, order = layer.bottom, layer.param("permute_param").ints("order")
    if len(set(order)) != len(order) or any(axis >= x.rank for axis in order):
        layer.invalid(f"order {order} for shape {x.shape}")
    rest = tuple(axis for axis in range(x.rank) if axis not in order)
    net.give(layer, net.add(Transpose(perm=order + rest), x))


@reads("Transpose")
def transpose(layer: LayerReader, net: CaffeReader) -> None:
    """The axes in the order that `dim` names (transpose_layer.cpp of senlinuc/caffe_ocr)."""
    x, order = layer.bottom, layer.param("transpose_param").ints("dim")
    if sorted(order) != list(range(x.rank)):
        layer.invalid(f"order {order} for shape {x.shape}")
    net.give(layer, net.add(Transpose(perm=order), x))


@reads("Reverse")
def reverse(layer: LayerReader, net: CaffeReader) -> None:
    """The bottom in reverse order along an axis (reverse_layer.cpp of PyPI's kendryte-caffe)."""
    x, axis = layer.bottom, layer.param("reverse_param").int("axis")
    if not 0 <= axis < x.rank:
        layer.invalid(f"axis {axis} of shape {x.shape}")
    if x.shape[axis] > MOST_PLACES:
        layer.refuse(f"{x.shape[axis]} places; up to {MOST_PLACES} are turned around")
    places = net.weight(np.arange(x.shape[axis] - 1, -1, -1, dtype=np.int64), "from_the_end")
    net.give(layer, net.add(Gather(axis=axis), x, places))


@reads("ShuffleChannel")
def shuffle_channel(layer: LayerReader, net: CaffeReader) -> None:
    """ShuffleNet's interleaving: channel i of group g becomes channel i * groups + g."""
    x, groups = layer.bottom, layer.param("shuffle_channel_param").int("group")
    if x.rank < 2 or groups < 1 or x.shape[1] % groups:
        layer.invalid(f"{groups} groups of shape {x.shape}")
    rest = x.shape[2:]
    apart = net.add(Reshape(shape=(0, groups, x.shape[1] // groups, *rest)), x, part="groups")
    perm = (0, 2, 1, *range(3, apart.rank))
    turned = net.add(Transpose(perm=perm), apart, part="turned")
    net.give(layer, net.add(Reshape(shape=(0, x.shape[1], *rest)), turned))


@reads("Reorg")
def reorg(layer: LayerReader, net: CaffeReader) -> None:
    """YOLO's passthrough to a coarser map, in the order of darknet (reorg_layer.hpp of caffe-yolov2 and others).

    darknet computes indices as if the input map were `stride` times finer, not coarser, which is a permutation, too.
    """
    fields, x = layer.param("reorg_param"), layer.bottom
    stride, finer = fields.int("stride"), fields.flag("reverse")
    block = stride * stride
    if x.rank != 4 or stride < 1 or x.shape[1] % block or (not finer and (x.shape[2] % stride or x.shape[3] % stride)):
        layer.invalid(f"stride {stride} for shape {x.shape}")
    count, channels, height, width = x.shape
    few = channels // block
    if finer:
        apart, perm = (count, stride, stride, few, height, width), (0, 3, 4, 1, 5, 2)
        shape = (count, few, height * stride, width * stride)
    else:
        apart, perm = (count, few, height, stride, width, stride), (0, 3, 5, 1, 2, 4)
        shape = (count, channels * block, height // stride, width // stride)
    blocks = net.add(Reshape(shape=(0, *apart[1:])), x, part="blocks")
    turned = net.add(Transpose(perm=perm), blocks, part="turned")
    net.give(layer, net.add(Reshape(shape=(0, *shape[1:])), turned))


@reads("Interp")
def interpolation(layer: LayerReader, net: CaffeReader) -> None:
    """DeepLab's bilinear interpolation with aligned corners, after cropping (interp_layer.cpp)."""
    fields, x = layer.param("interp_param"), layer.take(1, 2)[0]
    begin, end = fields.int("pad_beg"), fields.int("pad_end")
    if x.rank != 4 or begin > 0 or end > 0:
        layer.invalid(f"pads of {begin} and {end}, which may only crop, for shape {x.shape}")
    cropped = x
    if begin or end:
        ends = tuple(size + end for size in x.shape[2:])
        if min(ends) <= -begin:
            layer.invalid(f"pads of {begin} and {end} leave nothing of shape {x.shape}")
        cropped = net.add(Slice(starts=(-begin,) * 2, ends=ends, axes=(2, 3)), x, part="cropped")
    sizes = _interpolated(layer, fields, cropped.shape[2:])
    resize = aligned_resize(cropped.shape, (*x.shape[:2], *sizes))
    net.give(layer, net.add(resize, cropped))


def _interpolated(layer: LayerReader, fields: Fields, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the new height and width: by shrinking, zooming, or both, as given, or those of the second bottom."""
    shrinks, zooms = fields.has("shrink_factor"), fields.has("zoom_factor")
    said = fields.has("height") and fields.has("width")
    shrink, zoom = fields.int("shrink_factor"), fields.int("zoom_factor")
    if said and shrinks == zooms:
        wanted = fields.int("height"), fields.int("width")
    elif shrinks or zooms:
        if shrink < 1 or zoom < 1:
            layer.invalid(f"shrink_factor {shrink} and zoom_factor {zoom}")
        shrunk = tuple((size - 1) // shrink + 1 for size in sizes)
        return tuple(size + (size - 1) * (zoom - 1) for size in shrunk)
    elif len(layer.bottoms) == 2 and layer.bottoms[1].rank == 4:
        wanted = layer.bottoms[1].shape[2], layer.bottoms[1].shape[3]
    else:
        layer.invalid("it needs height and width, a factor, or a second bottom")
    if min(wanted) < 1:
        layer.invalid(f"height and width {wanted}")
    return wanted


@reads("BilinearInterpolation")
def bilinear_interpolation(layer: LayerReader, net: CaffeReader) -> None:
    """Bilinear interpolation with aligned corners to the height and width of the second bottom.

    So in the fork of ctensmeyer/caffe (bilinear_interpolation_layer.cpp); another fork gives a factor instead.
    """
    x, reference = layer.take(2)
    sizes = reference.shape[2:]
    if x.rank != 4 or reference.rank != 4 or min(sizes) < 2:
        layer.invalid(f"shape {x.shape} to the size of {reference.shape}")
    resize = Resize(sizes=(*x.shape[:2], *sizes), mode="linear", coordinate_transformation_mode="align_corners")
    net.give(layer, net.add(resize, x))
