"""Means over the parts of regions, each of which has channels of its own (R-FCN)."""

from __future__ import annotations

import numpy as np

from pipeline.caffe.read.boxes import columns
from pipeline.caffe.read.layer import LayerReader
from pipeline.caffe.read.reader import CaffeReader, reads
from pipeline.graph.operators import Cast, Clip, Concat, MatMul, ReduceSum, Reshape, Slice, Transpose, Unsqueeze
from pipeline.graph.values import Value

SMALLEST = 0.1  # the least extent of a region, in places of the map
LARGEST = float(np.finfo(np.float32).max)


@reads("PSROIPooling")
def position_sensitive(layer: LayerReader, net: CaffeReader) -> None:
    """The mean over each part of a region, of the channels that belong to the part; 0 of an empty one.

    daijifeng001/caffe-rfcn, psroi_pooling_layer.cu: regions (R, 5) as in Fast R-CNN; the output is (R, output_dim,
    group_size, group_size). The places in a part are a row of ones and zeros, so that sums are products of matrices.
    """
    fields = layer.param("psroi_pooling_param")
    x, rois = layer.take(2)
    size, count, scale = fields.int("group_size"), fields.int("output_dim"), fields.float("spatial_scale")
    if x.rank != 4 or rois.size != 5 * rois.shape[0] or min(size, count) < 1 or x.shape[1] != count * size * size:
        layer.invalid(f"{count} outputs of {size} parts, for shapes {x.shape} and {rois.shape}")
    if x.shape[0] != 1:
        layer.refuse("regions of several images")
    rois = rois if rois.rank == 2 else net.add(Reshape(shape=(0, -1)), rois, part="rois")
    rows, tall = _parts(net, rois, (2, 4), size, scale, x.shape[2])
    across, wide = _parts(net, rois, (1, 3), size, scale, x.shape[3])
    lines = [_sums(net, x, rows, across, i, (count, size)) for i in range(size)]
    sums = lines[0] if size == 1 else net.add(Concat(axis=2), *lines, part="sums")
    tall, wide = net.add(Unsqueeze(axes=(1, 3)), tall, part="tall"), net.add(Unsqueeze(axes=(1, 2)), wide, part="wide")
    places = net.add(Clip(min=1.0, max=LARGEST), net.add("Mul", tall, wide, part="area"), part="places")
    net.give(layer, net.add("Div", sums, places))


def _parts(
    net: CaffeReader, rois: Value, ends: tuple[int, int], size: int, scale: float, extent: int
) -> tuple[Value, Value]:
    """Return the places of an axis in each part, as 1 or 0 (R, parts, places), and their numbers (R, parts)."""
    step, one = net.constant(scale, "scale"), net.constant(1, "one")
    first, last = (_rounded(net, columns(net, rois, column, column + 1, "corner")) for column in ends)
    begin = net.add("Mul", first, step, part="begin")
    end = net.add("Mul", net.add("Add", last, one, part="behind"), step, part="end")
    span = net.add(Clip(min=SMALLEST, max=LARGEST), net.add("Sub", end, begin, part="span"), part="extent")
    each = net.add("Div", span, net.constant(size, "parts"), part="part")
    edges = []
    for kind, number in (("Floor", 0), ("Ceil", 1)):
        numbers = net.weight(np.arange(number, size + number, dtype=np.float32)[np.newaxis], "numbers")
        edge = net.add("Add", net.add("Mul", each, numbers, part="offset"), begin, part="edge")
        edges.append(net.add(Clip(min=0.0, max=float(extent)), net.add(kind, edge, part="whole"), part="within"))
    places = net.weight(np.arange(extent, dtype=np.float32)[np.newaxis, np.newaxis], "places")
    low, high = (net.add(Unsqueeze(axes=(2,)), edge, part="column") for edge in edges)
    before, behind = net.add("GreaterOrEqual", places, low, part="from"), net.add("Less", places, high, part="to")
    ones = net.add(Cast(to="float32"), net.add("And", before, behind, part="inside"), part="ones")
    return ones, net.add("Relu", net.add("Sub", edges[1], edges[0], part="width"), part="count")


def _rounded(net: CaffeReader, x: Value) -> Value:
    """Return x rounded as by C's round: halves away from 0."""
    more = net.add("Add", net.add("Abs", x, part="magnitude"), net.constant(0.5, "half"), part="more")
    return net.add("Mul", net.add("Floor", more, part="floor"), net.add("Sign", x, part="sign"), part="rounded")


def _sums(net: CaffeReader, x: Value, rows: Value, across: Value, i: int, sizes: tuple[int, int]) -> Value:
    """Return the sums over the parts of row i: (R, outputs, 1, parts)."""
    (count, size), (height, width) = sizes, x.shape[2:]
    own = Slice(starts=(i,), ends=(i + 1,), axes=(1,))
    apart = net.reshape(x, (count, size, size * height * width), "channels")
    maps = net.reshape(net.add(own, apart, part="own"), (count, size, height, width), "maps")
    turned = net.add(Transpose(perm=(2, 0, 1, 3)), maps, part="turned")
    mask = net.add(Reshape(shape=(0, -1)), net.add(own, rows, part="row"), part="mask")
    flat = net.reshape(turned, (height, count * size * width), "flat")
    grid = net.add(Reshape(shape=(0, count, size, width)), net.add(MatMul(), mask, flat, part="lines"), part="grid")
    chosen = net.add("Mul", grid, net.add(Unsqueeze(axes=(1,)), across, part="across"), part="chosen")
    return net.add(Unsqueeze(axes=(2,)), net.add(ReduceSum(axes=(3,), keepdims=0), chosen, part="sum"), part="sums")
