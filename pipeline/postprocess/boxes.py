"""Boxes: non-maximum suppression, and detections as rows."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
COLUMNS = 7  # image, label, confidence, left, top, right, bottom


def suppress(
    boxes: Array,
    scores: Array,
    threshold: float,
    *,
    above: float = -np.inf,
    most: int = -1,
    inclusive: bool = False,
) -> Array:
    """Return the indices of the boxes that remain after non-maximum suppression, the best first.

    boxes (N, 4) are left, top, right, bottom; scores (N,). A box remains if its overlap (intersection over union) with
    every better one that remains is at most `threshold`. Only boxes with scores above `above` take part, and of these
    the `most` best (all for -1). If corners are `inclusive`, a box of one pixel has the width 1, as in Faster R-CNN.
    """
    waiting = np.argsort(-scores, kind="stable")
    waiting = waiting[scores[waiting] > above]
    waiting = waiting[:most] if most > -1 else waiting
    more = boxes.dtype.type(inclusive)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2] + more, axis=1)
    left: list[int] = []
    while waiting.size:
        best, waiting = waiting[0], waiting[1:]
        left.append(int(best))
        begins = np.maximum(boxes[best, :2], boxes[waiting, :2])
        ends = np.minimum(boxes[best, 2:], boxes[waiting, 2:])
        common = np.prod(np.maximum(ends - begins + more, 0), axis=1)
        both = areas[best] + areas[waiting] - common
        waiting = waiting[np.divide(common, both, out=np.zeros_like(common), where=both > 0) <= threshold]
    return np.array(left, np.int64)


def around(middle: Array, extent: Array) -> Array:
    """Return the corners of boxes (N, 4) from their centres and sizes, (N, 2) each."""
    return np.concatenate([middle - extent / 2, middle + extent / 2], axis=1)


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    result: Array = 1 / (1 + np.exp(-x))
    return result


def as_blob(rows: Array, images: int) -> Array:
    """Return detections (M, 7) in the form of SSD, (1, 1, M, 7).

    If there are none, there is a row for each image with its number and then -1.
    """
    if not len(rows):
        rows = np.full((images, COLUMNS), -1)
        rows[:, 0] = np.arange(images)
    return rows[np.newaxis, np.newaxis].astype(np.float32)
