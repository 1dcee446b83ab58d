"""YOLO's detections, of eric612/MobileNet-YOLO: boxes at each place of a map, and non-maximum suppression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.caffe.read.boxes import VAST, columns, corners, detections, gathered, no_detections
from pipeline.caffe.read.layer import LayerReader
from pipeline.caffe.read.reader import CaffeReader, reads
from pipeline.graph.operators import ArgMax, BoxSuppression, Cast, Concat, ReduceMax, Softmax, Transpose
from pipeline.graph.values import Value

SAME = 0.999  # the overlap of two boxes that are the same except for rounding


class _Found(NamedTuple):
    """Candidate boxes: labels (K, 1), confidences (K, 1) and corners (K, 4)."""

    labels: Value
    confidences: Value
    corners: Value


class _Map(NamedTuple):
    """The predictions of a map: K rows of 4 offsets, an objectness score, and classes; and the corners (K, 4)."""

    rows: Value
    corners: Value


@reads("Yolov3DetectionOutput")
def yolov3(layer: LayerReader, net: CaffeReader) -> None:
    """Each box with its most confident class (yolov3_detection_output_layer.cpp).

    There, each box is a candidate for every class of sufficient confidence. But the best of these suppresses the
    others, since they are the same box, and a box that suppresses the best one suppresses all of them.
    """
    fields = layer.param("yolov3_detection_output_param")
    classes, kinds, groups = fields.int("num_classes"), fields.int("num_box"), fields.int("mask_group_num")
    biases, masks, scales = fields.floats("biases"), fields.ints("mask"), fields.ints("anchors_scale")
    step = len(masks) // groups if groups else 0
    maps = layer.take(groups, groups)
    if (
        len(scales) < groups
        or (groups - 1) * step + kinds > len(masks)
        or 2 * max(masks, default=-1) + 1 >= len(biases)
    ):
        layer.invalid(f"{len(scales)} scales, {len(masks)} masks and {len(biases)} biases for {groups} maps")
    found = []
    for i, x in enumerate(maps):
        sizes = [biases[2 * mask : 2 * mask + 2] for mask in masks[i * step : i * step + kinds]]
        found.append(_predictions(layer, net, x, sizes, classes, scales[i]))
    rows = _joined(net, [each.rows for each in found], "rows")
    boxes = _joined(net, [each.corners for each in found], "boxes")
    sure = net.add("Sigmoid", columns(net, rows, 4, 5 + classes, "logits"), part="sure")
    thing = columns(net, sure, 0, 1, "thing")
    both = net.add("Mul", columns(net, sure, 1, 1 + classes, "of_class"), thing, part="both")
    confidences = net.add(ReduceMax(axes=(1,), keepdims=1), both, part="confidences")
    candidates = _Found(_labels(net, both), confidences, boxes)
    overlap = fields.float("nms_threshold")
    if overlap >= SAME:
        layer.refuse("boxes that are the same would not overlap enough", "yolov3_detection_output_param.nms_threshold")
    _give(layer, net, candidates, fields.float("confidence_threshold"), overlap)


@reads("YoloDetectionOutput")
def yolov2(layer: LayerReader, net: CaffeReader) -> None:
    """Each box with its most likely class (yolo_detection_output_layer.cpp)."""
    fields = layer.param("yolo_detection_output_param")
    fields.ignore("side", "coords", "label_map_file")
    classes, kinds, biases = fields.int("num_classes"), fields.int("num_box"), fields.floats("biases")
    if len(biases) < 2 * kinds:
        layer.invalid(f"{len(biases)} biases for {kinds} boxes")
    sizes = [biases[2 * i : 2 * i + 2] for i in range(kinds)]
    found = [_predictions(layer, net, x, sizes, classes, 1) for x in layer.take(1, 2)]
    rows = _joined(net, [each.rows for each in found], "rows")
    boxes = _joined(net, [each.corners for each in found], "boxes")
    likely = net.add(Softmax(axis=1), columns(net, rows, 5, 5 + classes, "logits"), part="likely")
    likeliest = net.add(ReduceMax(axes=(1,), keepdims=1), likely, part="likeliest")
    thing = net.add("Sigmoid", columns(net, rows, 4, 5, "logit"), part="thing")
    confidences = net.add("Mul", thing, likeliest, part="confidences")
    candidates = _Found(_labels(net, likely), confidences, boxes)
    below = float(np.nextafter(np.float32(fields.float("confidence_threshold")), np.float32(-1)))  # inclusive
    _give(layer, net, candidates, below, fields.float("nms_threshold"))


def _labels(net: CaffeReader, classes: Value) -> Value:
    """Return the number of the largest of the classes (K, C), from 1: (K, 1)."""
    number = net.add(Cast(to="float32"), net.add(ArgMax(axis=1, keepdims=1), classes, part="class"), part="number")
    return net.add("Add", number, net.constant(1, "one"), part="labels")


def _joined(net: CaffeReader, values: Sequence[Value], part: str) -> Value:
    return values[0] if len(values) == 1 else net.add(Concat(axis=0), *values, part=part)


def _predictions(
    layer: LayerReader, net: CaffeReader, x: Value, sizes: Sequence[Sequence[float]], classes: int, scale: int
) -> _Map:
    """Return the predictions of a map, place by place. `sizes` are those of boxes, in 1/`scale` of a place."""
    kinds, long = len(sizes), 5 + classes
    if x.rank != 4 or x.shape[0] != 1:
        layer.refuse(f"shape {x.shape}: the boxes of all images would be one image's, as the layer is defined")
    if x.shape[1] != kinds * long or x.shape[2] != x.shape[3] or classes < 1 or scale < 1:
        layer.invalid(f"shape {x.shape} for {kinds} boxes of {classes} classes, {scale} pixels apart")
    side = x.shape[2]
    count = side * side * kinds
    apart = net.reshape(x, (kinds, long, side * side), "kinds")
    turned = net.add(Transpose(perm=(2, 0, 1)), apart, part="by_place")
    rows = net.reshape(turned, (count, long), "predictions")
    places = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 1, 2)
    begins = np.broadcast_to(places, (side * side, kinds, 2)).reshape(count, 2).astype(np.float32)
    extents = np.tile(np.array(sizes, np.float32) / np.float32(side * scale), (side * side, 1))
    inside = net.add("Sigmoid", columns(net, rows, 0, 2, "shifts"), part="inside")
    within = net.add("Add", inside, net.weight(begins, "begins"), part="within")
    middle = net.add("Div", within, net.constant(side, "side"), part="middle")
    grown = net.add("Exp", columns(net, rows, 2, 4, "growths"), part="growth")
    extent = net.add("Mul", grown, net.weight(extents, "extents"), part="extent")
    return _Map(rows, corners(net, middle, extent))


def _give(layer: LayerReader, net: CaffeReader, found: _Found, sure: float, overlap: float) -> None:
    """End a layer with the candidates of a confidence above `sure` that remain after suppression."""
    count = found.corners.shape[0]
    enlarged = net.add("Mul", found.corners, net.constant(VAST, "vast"), part="enlarged")
    kept, places = net.add_many(
        BoxSuppression(iou_threshold=overlap, score_threshold=sure),
        net.add(Concat(axis=1), found.confidences, found.confidences, part="confidences_twice"),
        net.add(Concat(axis=1), enlarged, enlarged, part="boxes_twice"),
        part="kept",
    )
    image = net.weight(np.zeros((count, 1), np.float32), "image")
    table = net.add(Concat(axis=1), image, found.labels, found.confidences, found.corners, part="table")
    rows = gathered(net, table, places, "chosen_rows")
    wanted = net.add("Greater", kept, net.constant(sure, "sure_enough"), part="wanted")
    best = net.add(ReduceMax(axes=(0,), keepdims=0), found.confidences, part="best")
    some = net.add("Greater", best, net.constant(sure, "bound"), part="some")
    net.give(layer, detections(net, rows, wanted, net.add(Cast(to="float32"), some, part="found"), no_detections(1)))
