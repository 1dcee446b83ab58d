"""YOLO's detections, of eric612/MobileNet-YOLO."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.postprocess.boxes import Array, around, as_blob, sigmoid, suppress


def yolov3_detection_output(
    *maps: Array,
    biases: Sequence[float],
    mask: Sequence[int],
    anchors_scale: Sequence[int],
    num_classes: int = 20,
    num_box: int = 3,
    mask_group_num: int = 2,
    confidence_threshold: float = 0.01,
    nms_threshold: float = 0.45,
) -> Array:
    """Return the detections (1, 1, M, 7) as `detection_output`, with labels from 1.

    Each map is (1, boxes * (5 + classes), side, side); the names are those of yolov3_detection_output_param.
    """
    step, sizes = len(mask) // mask_group_num, np.reshape(biases, (-1, 2))
    found = [
        _predictions(x, sizes[list(mask[i * step : i * step + num_box])], anchors_scale[i]) for i, x in enumerate(maps)
    ]
    rows, boxes = (np.concatenate([each[part] for each in found]) for part in (0, 1))
    sure = sigmoid(rows[:, 4 : 5 + num_classes])
    scores = sure[:, 1:] * sure[:, :1]
    # Each box is a candidate for every class. Since these overlap completely, only the one with the best class remains.
    return _chosen(scores.argmax(axis=1) + 1, scores.max(axis=1), boxes, confidence_threshold, nms_threshold)


def yolo_detection_output(
    *maps: Array,
    biases: Sequence[float],
    num_classes: int = 20,
    num_box: int = 5,
    confidence_threshold: float = 0.01,
    nms_threshold: float = 0.45,
    **_: object,
) -> Array:
    """Return the detections (1, 1, M, 7) as `detection_output`, each box with its most likely class, from 1.

    Each map is (1, boxes * (5 + classes), side, side); the names are those of yolo_detection_output_param.
    """
    sizes = np.reshape(biases, (-1, 2))[:num_box]
    found = [_predictions(x, sizes, 1) for x in maps]
    rows, boxes = (np.concatenate([each[part] for each in found]) for part in (0, 1))
    classes = rows[:, 5 : 5 + num_classes]
    raised = np.exp(classes - classes.max(axis=1, keepdims=True))
    likely = raised / raised.sum(axis=1, keepdims=True)
    below = np.nextafter(np.float32(confidence_threshold), np.float32(-1))  # the threshold itself is enough
    scores = sigmoid(rows[:, 4]) * likely.max(axis=1)
    return _chosen(likely.argmax(axis=1) + 1, scores, boxes, float(below), nms_threshold)


def _predictions(x: Array, sizes: Array, scale: int) -> tuple[Array, Array]:
    """Return the predictions of a map, place by place, and the corners of their boxes relative to the image size."""
    side = x.shape[-1]
    apart = x.reshape(len(sizes), -1, side * side).transpose(2, 0, 1)
    places = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 1, 2)
    middle = (sigmoid(apart[..., :2]) + places) / side
    extent = np.exp(apart[..., 2:4]) * sizes / (side * scale)
    return apart.reshape(-1, apart.shape[2]), around(middle.reshape(-1, 2), extent.reshape(-1, 2))


def _chosen(labels: Array, scores: Array, boxes: Array, above: float, threshold: float) -> Array:
    left = suppress(boxes, scores, threshold, above=above)
    return as_blob(np.column_stack([np.zeros(len(left)), labels[left], scores[left], boxes[left]]), 1)
