"""SSD's DetectionOutput (weiliu89/caffe, the branch ssd): detection_output_layer.cpp and bbox_util.cpp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.caffe.read.boxes import (
    VAST,
    check_count,
    columns,
    detections,
    gathered,
    moved,
    no_detections,
    ordered,
    suppressed,
)
from pipeline.caffe.read.layer import Fields, LayerReader
from pipeline.caffe.read.reader import CaffeReader, reads
from pipeline.errors import Problem, UnsupportedError
from pipeline.graph.operators import Cast, Clip, Concat, ReduceMax, Reshape, Slice, TopK, Transpose
from pipeline.graph.operators.detection import LOWEST
from pipeline.graph.values import Value


@dataclass(frozen=True, slots=True)
class _Counts:
    """The numbers of images, classes, prior boxes, and boxes of each class that are considered.

    `moves` is the number of classes with box offsets of their own: all, or 1 if classes share their boxes.
    """

    images: int
    classes: int
    moves: int
    boxes: int
    looked_at: int


@reads("DetectionOutput")
def detection_output(layer: LayerReader, net: CaffeReader) -> None:
    """Of each class the boxes that do not overlap better ones, of all classes the best: (1, 1, how many, 7).

    Where there are locations for twice as many boxes as SSD makes, the network is one of TextBoxes.
    """
    locations, confidences, priors = layer.take(3, 5)[:3]
    doubled = _of_text_boxes(layer, net, locations, priors)
    priors = doubled or priors
    fields = layer.param("detection_output_param")
    fields.ignore("save_output_param", "visualize", "visualize_threshold", "save_file")
    if fields.message("nms_param").float("eta") != 1:
        layer.refuse("a threshold that falls while boxes are chosen", "detection_output_param.nms_param")
    counts = _counts(layer, net, fields, (locations, confidences, priors))
    boxes = _boxes(layer, net, fields, counts, locations, priors)
    shape = (counts.images, counts.boxes, counts.classes)
    scores = net.add(Transpose(perm=(0, 2, 1)), net.reshape(confidences, shape, "confidences"), part="by_class")
    best, places = net.add_many(TopK(k=counts.looked_at, axis=2), scores, part="best_of_class")
    near = _chosen(net, counts, boxes, places)
    left = _left(net, fields, counts, near, best)
    near = net.add(Clip(min=0, max=1), near, part="clipped") if doubled else near
    net.give(layer, _best(layer, net, fields, counts, (best, near, left), numbered=not doubled))


def _of_text_boxes(layer: LayerReader, net: CaffeReader, locations: Value, priors: Value) -> Value | None:
    """Return the prior boxes of TextBoxes if there are locations for twice as many boxes; None for those of SSD.

    MhLiao/TextBoxes at fd4d7a9 has an older DetectionOutput, which cuts its boxes to the image.
    """
    parts = net.joined(priors)
    made = [net.text_boxes[part.name] for part in parts if part.name in net.text_boxes]
    if len(made) < len(parts) or locations.size != locations.shape[0] * priors.size:
        return None
    net.notes.append(f"{layer}: there are two locations for each box of SSD, so the boxes are those of TextBoxes")
    return net.weight(np.concatenate([each() for each in made], axis=2), "text_boxes")


def _counts(layer: LayerReader, net: CaffeReader, fields: Fields, bottoms: tuple[Value, Value, Value]) -> _Counts:
    locations, confidences, priors = bottoms
    images, classes, boxes = locations.shape[0], fields.int("num_classes"), priors.shape[-1] // 4
    moves = 1 if fields.flag("share_location") else classes
    if classes < 1 or priors.size != 8 * boxes or not boxes:
        layer.invalid(f"{classes} classes, and boxes of shape {priors.shape}")
    if locations.size != images * boxes * moves * 4:
        reason = f"its fork makes other boxes than SSD's: {priors.shape} for locations of shape {locations.shape}"
        raise UnsupportedError(tuple(Problem(prior, reason) for prior in (str(layer), *net.prior_layers)))
    if confidences.size != images * boxes * classes:
        layer.invalid(f"confidences of shape {confidences.shape} for {boxes} boxes and {classes} classes")
    nms = fields.message("nms_param")
    top = nms.int("top_k") if nms.has("top_k") and nms.int("top_k") > -1 else boxes
    check_count(layer, images, max(classes, moves), boxes)
    return _Counts(images, classes, moves, boxes, max(1, min(top, boxes)))


def _boxes(
    layer: LayerReader, net: CaffeReader, fields: Fields, counts: _Counts, locations: Value, priors: Value
) -> Value:
    """Return the corners of all boxes: (images, moves, boxes, 4) (DecodeBBox)."""
    shape = (counts.images, counts.boxes, counts.moves, 4)
    offsets = net.reshape(locations, shape, "locations")
    means, spread = (
        net.reshape(net.add(Slice(starts=(i,), ends=(i + 1,), axes=(1,)), priors, part=part), (1, counts.boxes, 1, 4))
        for i, part in enumerate(("priors", "variances"))
    )
    if not fields.flag("variance_encoded_in_target"):
        offsets = net.add("Mul", offsets, spread, part="offsets")
    begin, end = columns(net, means, 0, 2, "prior_begin"), columns(net, means, 2, 4, "prior_end")
    kind = fields.word("code_type")
    size = net.add("Sub", end, begin, part="prior_size")
    if kind == "CENTER_SIZE":
        both = net.add("Add", begin, end, part="prior_ends")
        centre = net.add("Mul", both, net.constant(0.5, "middle"), part="prior_centre")
        shift, growth = columns(net, offsets, 0, 2, "shifts"), columns(net, offsets, 2, 4, "growths")
        corners = moved(net, centre, size, shift, growth)
    else:
        if kind == "CORNER_SIZE":
            sizes = net.add(Concat(axis=3), size, size, part="prior_sizes")
            offsets = net.add("Mul", offsets, sizes, part="corner_offsets")
        corners = net.add("Add", means, offsets, part="corners")
    return net.add(Transpose(perm=(0, 2, 1, 3)), corners, part="corners_by_class")


def _chosen(net: CaffeReader, counts: _Counts, boxes: Value, places: Value) -> Value:
    """Return the boxes at the indices `places` of each class: (images, classes, considered, 4)."""
    first = np.arange(counts.images * counts.moves, dtype=np.int64).reshape(counts.images, counts.moves, 1)
    starts = net.weight(np.ascontiguousarray(first * counts.boxes), "starts")
    table = net.reshape(boxes, (counts.images * counts.moves * counts.boxes, 4), "boxes")
    return gathered(net, table, net.add("Add", places, starts, part="box_places"), "near")


def _left(net: CaffeReader, fields: Fields, counts: _Counts, near: Value, best: Value) -> Value:
    """Return 1 for each box that remains in its class after suppression, else 0: (images, classes, considered)."""
    threshold = fields.float("confidence_threshold") if fields.has("confidence_threshold") else LOWEST
    sure = net.add("Greater", best, net.constant(threshold, "threshold"), part="sure")
    foreground = np.ones((1, counts.classes, 1), np.float32)
    if 0 <= fields.int("background_label_id") < counts.classes:
        foreground[0, fields.int("background_label_id")] = 0
    valid = net.add(
        "Mul", net.add(Cast(to="float32"), sure, part="sure_ones"), net.weight(foreground, "foreground"), part="valid"
    )
    rows = counts.images * counts.classes
    vast = net.add("Mul", near, net.constant(VAST, "vast"), part="enlarged")
    limit = fields.message("nms_param").float("nms_threshold")
    left = suppressed(
        net,
        net.reshape(vast, (rows, counts.looked_at, 4), "rows_of_boxes"),
        net.reshape(valid, (rows, counts.looked_at), "rows_of_valid"),
        limit,
    )
    return net.reshape(left, (counts.images, counts.classes, counts.looked_at), "left_of_class")


def _best(
    layer: LayerReader,
    net: CaffeReader,
    fields: Fields,
    counts: _Counts,
    found: tuple[Value, Value, Value],
    numbered: bool,
) -> Value:
    """Return the best detections of all classes, sorted by image, class and confidence.

    If there are none, the result has a row of -1 for each image, `numbered` by the image, or else a single one.
    """
    scores, boxes, left = found
    each = counts.classes * counts.looked_at
    total, most = counts.images * each, fields.int("keep_top_k")
    count = min(each, most) if most > -1 else each
    if not count:
        layer.invalid("it keeps no boxes")
    marks = net.reshape(left, (counts.images, each), "marks_of_image")
    flat = net.reshape(scores, (counts.images, each), "scores_of_image")
    is_left = net.add("Greater", marks, net.constant(0, "none_left"), part="is_left")
    candidates = net.add("Where", is_left, flat, net.constant(LOWEST, "lowest"), part="candidates")
    images = np.repeat(np.arange(counts.images, dtype=np.float32), each)[:, np.newaxis]
    labels = np.repeat(np.arange(counts.classes, dtype=np.float32), counts.looked_at)
    fixed = np.concatenate([images, np.tile(labels, counts.images)[:, np.newaxis]], axis=1)
    parts = [net.reshape(value, (total, width), "column") for value, width in ((scores, 1), (boxes, 4), (left, 1))]
    table = net.add(Concat(axis=1), net.weight(fixed, "images_and_labels"), *parts, part="table")
    begins = net.weight(np.arange(counts.images, dtype=np.float32)[:, np.newaxis] * each, "begins")
    places = net.add("Add", ordered(net, candidates, count), begins, part="row_places")
    rows = gathered(net, table, net.reshape(places, (counts.images * count,), "row_list"), "rows")
    mark = net.add(Reshape(shape=(-1,)), columns(net, rows, 7, 8, "mark"), part="marks")
    wanted = net.add("Greater", mark, net.constant(0, "unmarked"), part="wanted")
    any_left = net.add(ReduceMax(axes=(0, 1), keepdims=0), marks, part="any")
    none = no_detections(counts.images if numbered else 1)
    none[:, 0] = none[:, 0] if numbered else -1
    return detections(net, columns(net, rows, 0, 7, "seven"), wanted, net.reshape(any_left, (1,), "any_left"), none)
