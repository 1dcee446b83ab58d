"""Region proposals of Faster R-CNN: ProposalLayer of py-faster-rcnn, Proposal of mini-caffe."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.postprocess.boxes import Array, around, suppress


def proposal(
    scores: Array,
    deltas: Array,
    im_info: Array,
    *,
    feat_stride: int = 16,
    base_size: int = 16,
    min_size: int = 16,
    ratio: Sequence[float] = (0.5, 1, 2),
    scale: Sequence[float] = (8, 16, 32),
    pre_nms_topn: int = 6000,
    post_nms_topn: int = 300,
    nms_thresh: float = 0.7,
    drop_small: bool = False,
) -> tuple[Array, Array]:
    """Return regions (R, 5), which begin with the number of the image, 0, and their scores (R,).

    scores (1, 2 A, H, W), of which the last A are for objects; deltas (1, 4 A, H, W); im_info is the height, width and
    scale of the image. The names are those of mini-caffe's proposal_param. Regions smaller than `min_size` get the
    score 0, as in mini-caffe; with `drop_small` they are dropped, as in py-faster-rcnn.
    """
    anchors = _anchors(base_size, ratio, scale)
    rows, columns = scores.shape[2:]
    places = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 1, 2) * feat_stride
    corners = (anchors + np.concatenate([places, places], axis=2)).reshape(-1, 4)
    size = corners[:, 2:] - corners[:, :2] + 1
    offsets = deltas.transpose(0, 2, 3, 1).reshape(-1, 4)
    middle = offsets[:, :2] * size + corners[:, :2] + size / 2
    height, width, factor = np.ravel(im_info)[:3]
    boxes = np.clip(around(middle, np.exp(offsets[:, 2:]) * size), 0, [width - 1, height - 1] * 2).astype(np.float32)
    large = (boxes[:, 2:] - boxes[:, :2] + 1).min(axis=1) >= min_size * factor
    of_things = scores[:, len(anchors) :].transpose(0, 2, 3, 1).reshape(-1)
    each = np.where(large, of_things, -np.inf if drop_small else 0)
    left = suppress(boxes, each, nms_thresh, most=pre_nms_topn, inclusive=True)[:post_nms_topn]
    regions = np.column_stack([np.zeros(len(left)), boxes[left]]).astype(np.float32)
    return regions, each[left].astype(np.float32)


def _anchors(base: int, ratios: Sequence[float], scales: Sequence[float]) -> Array:
    """Return the corners of the anchors at the first place of the map: (ratios * scales, 4)."""
    found = []
    for ratio in ratios:
        width = np.round(np.sqrt(base * base / ratio))
        extents = np.array([width, np.round(width * ratio)])
        found += [around(np.full((1, 2), (base - 1) / 2), (extents * scale - 1)[np.newaxis])[0] for scale in scales]
    return np.array(found)
