"""Resizing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.caffe2.read.operator import OperatorReader
from pipeline.caffe2.read.reader import Array, Caffe2Reader, reads
from pipeline.graph.operators import Gather, Resize
from pipeline.graph.operators.resize import aligned_resize, coordinates, resized
from pipeline.graph.values import Shape

LARGEST = 1 << 24  # places of an axis; float32 cannot distinguish larger ones


@reads("ResizeNearest")
def resize_nearest(op: OperatorReader, net: Caffe2Reader) -> None:
    """Resize where its float64 picks what Caffe2's float32 picks, which is int(place / scale); else Gather."""
    x = net.value(op.inputs[0])
    scales = [float(np.float32(op.float(name, 1.0))) for name in ("height_scale", "width_scale")]
    picked = [_picked(op, old, scale) for old, scale in zip(x.shape[2:], scales, strict=True)]
    sizes = tuple(places.size for places in picked)
    ratios = [new / old for old, new in zip(x.shape[2:], sizes, strict=True)]
    if _same(x.shape[2:], picked, scales) and resized(x.shape[2:], tuple(scales), ()) == sizes:
        net.give(Resize(mode="nearest", scales=(1.0, 1.0, *scales)), x)
        return
    if _same(x.shape[2:], picked, ratios):
        net.give(Resize(mode="nearest", sizes=(*x.shape[:2], *sizes)), x)
        return
    rows = net.add(Gather(axis=2), x, net.weight(picked[0], "rows"), part="height")
    net.give(Gather(axis=3), rows, net.weight(picked[1], "columns"))


def _resized(op: OperatorReader, size: int, scale: float) -> int:
    """Return the new size, rounded as in float32 (caffe2/operators/resize_op.cc)."""
    new = float(np.float32(size) * np.float32(scale))
    if not 1 <= new < LARGEST:
        op.refuse(f"a scale of {scale} for an axis of {size}")
    return int(new)


def _picked(op: OperatorReader, old: int, scale: float) -> Array:
    """Return the old index of each new one (caffe2/operators/resize_op.cc)."""
    new = _resized(op, old, scale)
    return np.minimum((np.arange(new, dtype=np.float32) / np.float32(scale)).astype(np.int64), old - 1)


def _same(shape: Shape, picked: Sequence[Array], scales: Sequence[float]) -> bool:
    """Return whether ONNX's Resize picks these indices with these scales."""
    return all(
        np.array_equal(np.floor(coordinates(old, places.size, scale, "asymmetric")), places)
        for old, places, scale in zip(shape, picked, scales, strict=True)
    )


@reads("UpsampleBilinear")
def upsample_bilinear(op: OperatorReader, net: Caffe2Reader) -> None:
    """Resize between the corners."""
    (blob,) = op.inputs
    x = net.value(blob)
    scales = op.float("height_scale", 1.0), op.float("width_scale", 1.0)
    new = (_resized(op, old, scale) for old, scale in zip(x.shape[2:], scales, strict=True))
    net.give(aligned_resize(x.shape, (*x.shape[:2], *new)), x)
