"""SSD's DetectionOutput, of weiliu89/caffe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.postprocess.boxes import COLUMNS, Array, around, as_blob, suppress


def detection_output(
    locations: Array,
    confidences: Array,
    priors: Array,
    *,
    num_classes: int,
    share_location: bool = True,
    background_label_id: int = 0,
    nms_param: Mapping[str, Any] = {},
    code_type: str = "CORNER",
    variance_encoded_in_target: bool = False,
    keep_top_k: int = -1,
    confidence_threshold: float = -np.inf,
    **_: object,
) -> Array:
    """Return the detections (1, 1, M, 7): image, label, confidence, left, top, right, bottom, relative to the image.

    locations (N, P * 4), or P * classes * 4; confidences (N, P * classes); priors (1, 2, P * 4), boxes and variances.
    The names are those of detection_output_param. Its other fields say where to write results, and are ignored.
    """
    boxes, variances = priors.reshape(2, -1, 4)
    images, moves = len(locations), 1 if share_location else num_classes
    offsets = locations.reshape(images, len(boxes), moves, 4)
    scores = confidences.reshape(images, len(boxes), num_classes)
    spread = np.ones_like(variances) if variance_encoded_in_target else variances
    threshold, most = float(nms_param.get("nms_threshold", 0.3)), int(nms_param.get("top_k", -1))
    rows: list[Array] = []
    for image in range(images):
        found = [np.zeros((0, COLUMNS))]
        for label in (each for each in range(num_classes) if each != background_label_id):
            corners = _decoded(boxes, offsets[image, :, label if moves > 1 else 0] * spread, code_type)
            each = scores[image, :, label]
            left = suppress(corners, each, threshold, above=confidence_threshold, most=most)
            found.append(np.column_stack([np.tile([image, label], (len(left), 1)), each[left], corners[left]]))
        rows.append(_best(np.concatenate(found), keep_top_k))
    return as_blob(np.concatenate(rows), images)


def _best(rows: Array, most: int) -> Array:
    """Return the rows with the `most` best confidences, in their original order; all for -1."""
    if not -1 < most < len(rows):
        return rows
    best: Array = rows[np.sort(np.argsort(-rows[:, 2], kind="stable")[:most])]
    return best


def _decoded(boxes: Array, offsets: Array, code_type: str) -> Array:
    """Return the corners of boxes (P, 4), moved by offsets (P, 4). Raises ValueError for an unknown code type."""
    size = boxes[:, 2:] - boxes[:, :2]
    if code_type == "CENTER_SIZE":
        middle = offsets[:, :2] * size + (boxes[:, :2] + boxes[:, 2:]) / 2
        return around(middle, np.exp(offsets[:, 2:]) * size)
    if code_type not in ("CORNER", "CORNER_SIZE"):
        raise ValueError(f"there is no code_type {code_type}")
    scale = np.concatenate([size, size], axis=1) if code_type == "CORNER_SIZE" else np.ones_like(offsets)
    moved: Array = boxes + offsets * scale
    return moved
