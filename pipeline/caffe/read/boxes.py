"""What detectors have in common: decoding boxes from offsets, and non-maximum suppression."""

from __future__ import annotations

from math import prod

import numpy as np

from pipeline.caffe.read.layer import LayerReader
from pipeline.caffe.read.reader import CaffeReader
from pipeline.caffe.read.weights import Array
from pipeline.graph.operators import (
    BoxSuppression,
    Cast,
    Compress,
    Concat,
    Gather,
    Reshape,
    ScatterAdd,
    Slice,
    TopK,
    Transpose,
)
from pipeline.graph.values import Value

MOST = 2**24  # boxes; float32 represents all whole numbers up to this
# Caffe2 takes corners as inclusive, and adds 1 to each extent. Boxes of about size 1 are scaled by this power of two,
# so that the 1 is lost in rounding.
VAST = 2.0**40
COLUMNS = 7  # of a detection: image, label, confidence, left, top, right, bottom


def columns(net: CaffeReader, x: Value, begin: int, end: int, part: str) -> Value:
    """Return x[..., begin:end]."""
    return net.add(Slice(starts=(begin,), ends=(end,), axes=(x.rank - 1,)), x, part=part)


def moved(net: CaffeReader, centre: Value, size: Value, shift: Value, growth: Value) -> Value:
    """Return the corners of boxes that are moved by `shift`, relative to their size, and scaled by exp(growth).

    The values are (..., 2), x before y; the corners are (..., 4).
    """
    middle = net.add("Add", net.add("Mul", shift, size, part="shift"), centre, part="middle")
    grown = net.add("Mul", net.add("Exp", growth, part="growth"), size, part="size")
    return corners(net, middle, grown)


def corners(net: CaffeReader, middle: Value, extent: Value) -> Value:
    """Return the corners of boxes around `middle`: (..., 4)."""
    half = net.add("Mul", extent, net.constant(0.5, "half"), part="reach")
    begin, end = net.add("Sub", middle, half, part="begin"), net.add("Add", middle, half, part="end")
    return net.add(Concat(axis=middle.rank - 1), begin, end, part="corners")


def suppressed(net: CaffeReader, boxes: Value, valid: Value, threshold: float) -> Value:
    """Return 1 for each box that remains after non-maximum suppression in its row, else 0: (R, K).

    The boxes (R, K, 4) are sorted, best first; only those for which `valid` (R, K) is 1 take part. The number of each
    box, counted from the last, is its score, so that boxes with equal scores keep their order, and the numbers that
    remain identify the boxes.
    """
    rows, count = valid.shape
    total = rows * count
    numbers = net.weight(np.arange(total, 0, -1, dtype=np.float32).reshape(rows, count), "numbers")
    numbered = net.add(Transpose(perm=(1, 0)), net.add("Mul", valid, numbers, part="numbered"), part="by_place")
    flat = net.reshape(net.add(Transpose(perm=(1, 0, 2)), boxes, part="turned"), (count, 4 * rows), "side_by_side")
    (kept, _) = net.add_many(
        BoxSuppression(iou_threshold=threshold, score_threshold=0.0),
        _beside_background(net, numbered, 1),
        _beside_background(net, flat, 4),
        part="kept",
    )
    behind = net.add("Add", net.add("Neg", kept, part="behind"), net.constant(total, "count"), part="place")
    places = net.add(Cast(to="int64"), behind, part="places")
    marks = net.add("Sign", net.add(ScatterAdd(size=total), places, kept, part="marks"), part="left")
    return net.reshape(marks, (rows, count), "left_in_rows")


def _beside_background(net: CaffeReader, x: Value, width: int) -> Value:
    """Return x with its first `width` columns prepended once more, for the background class, which is ignored."""
    return net.add(Concat(axis=1), columns(net, x, 0, width, "first"), x, part="beside_background")


def ordered(net: CaffeReader, scores: Value, count: int) -> Value:
    """Return the indices of the `count` best of each row of scores (N, K), in ascending order: floats (N, count)."""
    best = net.add_many(TopK(k=count, axis=1), scores, part="best")[1]
    back = net.add("Neg", net.add(Cast(to="float32"), best, part="best_places"), part="back")
    return net.add("Neg", net.add_many(TopK(k=count, axis=1), back, part="in_order")[0], part="ordered")


def gathered(net: CaffeReader, table: Value, places: Value, part: str) -> Value:
    """Return the rows of a table at the indices `places`, which are floats or int64."""
    if places.dtype != "int64":
        places = net.add(Cast(to="int64"), places, part=f"{part}_places")
    return net.add(Gather(axis=0), table, places, part=part)


def no_detections(images: int) -> Array:
    """Return SSD's rows for no detections: for each image, its number and six times -1."""
    rows = np.full((images, COLUMNS), -1, np.float32)
    rows[:, 0] = np.arange(images)
    return rows


def detections(net: CaffeReader, rows: Value, wanted: Value, found: Value, none: Array) -> Value:
    """Return the wanted ones of the rows (M, 7) in the form of SSD: (1, 1, number of rows, 7).

    If `found` (1,) is 0, there are no detections, and the rows `none` are returned.
    """
    most, rows = rows.shape[0], net.add(Concat(axis=0), rows, net.weight(none, "none"), part="rows_and_none")
    missing = net.add("Equal", found, net.weight(np.zeros(1, np.float32), "zero"), part="missing")
    wanted = net.add(Concat(axis=0), wanted, *(missing,) * len(none), part="wanted_or_missing")
    chosen = net.add(Compress(axis=0), rows, wanted, part="chosen")
    chosen = net.add(Slice(starts=(0,), ends=(max(most, len(none)),), axes=(0,)), chosen, part="no_more")
    return net.add(Reshape(shape=(1, 1, -1, COLUMNS)), chosen)


def check_count(layer: LayerReader, *extents: int) -> None:
    """Raise UnsupportedError for more boxes than floats can number."""
    if prod(extents) >= MOST:
        layer.refuse(f"{prod(extents)} boxes, and floats count up to {MOST} only")
