"""Faster R-CNN's regions: anchors with the network's offsets, after non-maximum suppression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.caffe.read.boxes import check_count, columns, gathered, moved, suppressed
from pipeline.caffe.read.layer import LayerReader
from pipeline.caffe.read.reader import CaffeReader, layer, reads
from pipeline.caffe.read.weights import Array
from pipeline.graph.operators import Cast, Compress, Concat, Reshape, Slice, TopK, Transpose
from pipeline.graph.operators.detection import LOWEST
from pipeline.graph.values import Value

MOST_PIXELS = 2**20


@dataclass(frozen=True, slots=True)
class _Regions:
    """How regions are proposed: anchors of these ratios and scales, `stride` pixels apart.

    The `before` best take part in non-maximum suppression with `threshold`, and of the remaining ones, the `after` best
    are returned. Regions smaller than `smallest`, times the scale of the image, are dropped with `drops`; else they get
    the score 0.
    """

    stride: int
    base: int
    ratios: Sequence[float]
    scales: Sequence[float]
    smallest: int = 16
    before: int = 6000
    after: int = 300
    threshold: float = 0.7
    drops: bool = True


@layer("Python", module="rpn.proposal_layer", layer="ProposalLayer")
def python_proposal(layer: LayerReader, net: CaffeReader) -> None:
    """py-faster-rcnn's (rpn/proposal_layer.py), with what its configuration has for tests: 6000, 300, 0.7 and 16.

    Of regions with equal scores the first in the map is taken first; there it is any.
    """
    found = layer.parameters()
    scales = found.get("scales", (8.0, 16.0, 32.0))
    if "feat_stride" not in found or isinstance(scales, str):
        layer.invalid("its param_str says no feat_stride, or scales that are no list of numbers")
    unknown = found.keys() - {"feat_stride", "scales"}
    if unknown:
        layer.refuse(f"{', '.join(sorted(unknown))}: no ProposalLayer that is known reads it", "python_param.param_str")
    stride = _whole(layer, found["feat_stride"])
    net.notes.append(
        f"{layer}: takes the configuration of py-faster-rcnn for tests: the 6000 best regions, 300 of them"
    )
    _propose(layer, net, _Regions(stride, 16, (0.5, 1, 2), scales))


def _whole(layer: LayerReader, text: object) -> int:
    """Return a whole number in a param_str. Refuses any other text."""
    if not str(text).isdecimal() or len(str(text)) > 9:
        layer.invalid(f"feat_stride is {str(text)[:20]!r}, and no whole number")
    return int(str(text))


@reads("Proposal")
def proposal(layer: LayerReader, net: CaffeReader) -> None:
    """luoyetx/mini-caffe's (proposal_layer.cpp)."""
    fields = layer.param("proposal_param")
    numbers = {name: fields.int(field) for name, field in (("stride", "feat_stride"), ("base", "base_size"))}
    how = _Regions(
        **numbers,
        ratios=fields.floats("ratio"),
        scales=fields.floats("scale"),
        smallest=fields.int("min_size"),
        before=fields.int("pre_nms_topn"),
        after=fields.int("post_nms_topn"),
        threshold=fields.float("nms_thresh"),
        drops=False,
    )
    _propose(layer, net, how)


def _propose(layer: LayerReader, net: CaffeReader, how: _Regions) -> None:
    scores, deltas, image = layer.take(3)
    anchors = _anchors(layer, how)
    kinds = len(anchors)
    if scores.rank != 4 or scores.shape[0] != 1 or scores.shape[1] != 2 * kinds or image.size < 3:
        layer.invalid(f"shapes {scores.shape} and {image.shape} for {kinds} anchors, of one image")
    if deltas.shape != (1, 4 * kinds, *scores.shape[2:]) or len(layer.tops) > 2:
        layer.invalid(f"shapes {scores.shape} and {deltas.shape} for {kinds} anchors")
    total = kinds * scores.shape[2] * scores.shape[3]
    check_count(layer, total)
    height, width, scale = (
        columns(net, net.reshape(image, (1, image.size), "image"), i, i + 1, f"image{i}") for i in range(3)
    )
    corners = _clipped(net, _moved(net, how, anchors, deltas), width, height)
    large: Value | None = _large(net, how, corners, scale)
    object_scores = net.add(Slice(starts=(kinds,), ends=(2 * kinds,), axes=(1,)), scores, part="objects")
    flat = net.reshape(net.add(Transpose(perm=(0, 2, 3, 1)), object_scores, part="by_place"), (1, total), "scores")
    if how.drops:
        is_large = net.add("Greater", large, net.constant(0.5, "between"), part="is_large")
        flat = net.add("Where", is_large, flat, net.constant(LOWEST, "lowest"), part="scores_of_large")
    else:
        flat = net.add("Mul", flat, large, part="scores_of_large")
    best, places = net.add_many(TopK(k=min(how.before or total, total), axis=1), flat, part="best")
    _give_best(layer, net, how, (corners, large if how.drops else None, best, places))


def _give_best(
    layer: LayerReader, net: CaffeReader, how: _Regions, found: tuple[Value, Value | None, Value, Value]
) -> None:
    """End the layer with the best regions after suppression: rows of 0 and the corners, and their scores."""
    corners, large, best, places = found
    count = best.shape[1]
    index = net.reshape(places, (count,), "places")
    near = gathered(net, corners, index, "near")
    valid = net.weight(np.ones((1, count), np.float32), "all_valid")
    if large is not None:
        column = net.reshape(large, (large.shape[1],), "large_column")
        valid = net.reshape(gathered(net, column, index, "near_large"), (1, count), "valid")
    left = suppressed(net, net.reshape(near, (1, count, 4), "row_of_boxes"), valid, how.threshold)
    after = min(how.after or count, count)
    falling = net.weight(np.arange(count, 0, -1, dtype=np.float32)[np.newaxis], "falling")
    first, at = net.add_many(TopK(k=after, axis=1), net.add("Mul", left, falling, part="rank"), part="first")
    wanted = net.add("Greater", net.reshape(first, (after,), "first_list"), net.constant(0.5, "none"), part="wanted")
    chosen = net.add(Compress(axis=0), net.reshape(at, (after,), "at"), wanted, part="chosen")
    image = net.weight(np.zeros((count, 1), np.float32), "image")
    table = net.add(Concat(axis=1), image, near, part="table")
    tops = [gathered(net, table, chosen, "regions")]
    if len(layer.tops) == 2:
        score = gathered(net, net.reshape(best, (count,), "best_list"), chosen, "score")
        tops.append(net.add(Reshape(shape=(-1, 1)), score, part="score_column") if how.drops else score)
    net.give(layer, *tops)


def _anchors(layer: LayerReader, how: _Regions) -> Array:
    """Return the corners of the anchors at the first place of the map (generate_anchors.py): (kinds, 4)."""
    numbers = [*how.ratios, *how.scales, how.stride, how.base]
    if not how.ratios or not how.scales or not all(0 < number < MOST_PIXELS for number in numbers):
        layer.invalid(f"ratios {how.ratios}, scales {how.scales}, {how.stride} and {how.base} pixels")
    centre, area = 0.5 * (how.base - 1), how.base**2
    found = []
    for ratio in how.ratios:
        width = np.round(np.sqrt(area / ratio))
        height = np.round(width * ratio)
        for scale in how.scales:
            reach = np.array([width * scale - 1, height * scale - 1]) / 2
            found.append([*(centre - reach), *(centre + reach)])
    return np.array(found, np.float32)


def _moved(net: CaffeReader, how: _Regions, anchors: Array, deltas: Value) -> Value:
    """Return the corners of all regions, by row, column and anchor: (total, 4)."""
    rows, across = deltas.shape[2:]
    total = rows * across * len(anchors)
    places = np.stack(np.meshgrid(np.arange(across), np.arange(rows)), axis=-1).reshape(-1, 1, 2) * how.stride
    corners = (anchors + np.concatenate([places, places], axis=2)).reshape(total, 4).astype(np.float32)
    size = corners[:, 2:] - corners[:, :2] + 1
    centre = corners[:, :2] + np.float32(0.5) * size
    turned = net.add(Transpose(perm=(0, 2, 3, 1)), deltas, part="deltas_by_place")
    offsets = net.reshape(turned, (total, 4), "deltas")
    shift, growth = columns(net, offsets, 0, 2, "shifts"), columns(net, offsets, 2, 4, "growths")
    return moved(net, net.weight(centre, "centres"), net.weight(size, "sizes"), shift, growth)


def _clipped(net: CaffeReader, corners: Value, width: Value, height: Value) -> Value:
    """Return corners clipped to an image of this width and height, (1, 1) each."""
    ends = net.add(Concat(axis=1), width, height, width, height, part="image_ends")
    last = net.add("Sub", ends, net.constant(1, "one"), part="image_last")
    return net.add("Relu", net.add("Min", corners, last, part="up_to_last"), part="inside")


def _large(net: CaffeReader, how: _Regions, corners: Value, scale: Value) -> Value:
    """Return 1 for each region both of whose sides are at least the smallest, else 0: (1, total)."""
    size = net.add(
        "Add",
        net.add("Sub", columns(net, corners, 2, 4, "ends"), columns(net, corners, 0, 2, "begins"), part="extent"),
        net.constant(1, "inclusive"),
        part="side",
    )
    least = net.add("Mul", scale, net.constant(how.smallest, "smallest"), part="least")
    enough = net.add(Cast(to="float32"), net.add("GreaterOrEqual", size, least, part="enough"), part="enough_ones")
    both = net.add("Mul", columns(net, enough, 0, 1, "wide"), columns(net, enough, 1, 2, "high"), part="both")
    return net.reshape(both, (1, corners.shape[0]), "large")
