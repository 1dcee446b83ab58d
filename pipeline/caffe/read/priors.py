"""SSD's prior boxes (weiliu89/caffe, the branch ssd), which are constants, since they depend only on shapes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from pipeline.caffe.read.layer import Fields, LayerReader
from pipeline.caffe.read.reader import CaffeReader, reads
from pipeline.caffe.read.weights import Array
from pipeline.graph.values import Value

_SAME_RATIO = 1e-6


@reads("PriorBox")
def prior_box(layer: LayerReader, net: CaffeReader) -> None:
    """Boxes around the middle of each place, and their variances: constants of shape (1, 2, 4 boxes).

    Numbers as in prior_box_layer.cpp, which cuts sizes to integers.
    """
    fields = layer.param("prior_box_param")
    smallest, largest = fields.floats("min_size"), fields.floats("max_size")
    ratios = _ratios(fields, fields.flag("flip"))
    if not smallest or len(largest) not in (0, len(smallest)):
        layer.invalid(f"{len(smallest)} of min_size and {len(largest)} of max_size")
    if any(not 0 < ratio < np.inf for ratio in ratios) or any(not 0 < size < np.inf for size in smallest + largest):
        layer.invalid(f"sizes {smallest + largest} and ratios {ratios}")
    if any(not size.is_integer() for size in smallest + largest):
        net.notes.append(f"{layer}: its sizes are cut to integers, as SSD's Caffe cuts them; OpenCV, for one, does not")
    whole = _extents([int(size) for size in smallest], [int(size) for size in largest], ratios)
    given = _give(layer, net, fields, whole)
    moving = [name for name in ("step", "step_h", "step_w", "img_size", "img_h", "img_w", "offset") if fields.has(name)]
    if len(smallest) == 1 and not moving:
        net.text_boxes[given.name] = partial(_twice, layer, fields, _extents(smallest, largest, ratios))


@reads("PriorBoxClustered")
def clustered_prior_box(layer: LayerReader, net: CaffeReader) -> None:
    """Boxes of given widths and heights (openvinotoolkit/training_toolbox_caffe, prior_box_clustered_layer.cpp)."""
    fields = layer.param("prior_box_param")
    widths, heights = fields.floats("width"), fields.floats("height")
    if not widths or len(widths) != len(heights):
        layer.invalid(f"{len(widths)} of width and {len(heights)} of height")
    _give(layer, net, fields, np.array([*zip(widths, heights, strict=True)], np.float32))


def _give(layer: LayerReader, net: CaffeReader, fields: Fields, extents: Array) -> Value:
    """End a layer, and return its output: boxes of these widths and heights around each place."""
    feature, image = layer.take(2)
    if feature.rank != 4 or image.rank != 4:
        layer.invalid(f"shapes {feature.shape} and {image.shape}")
    boxes = _boxes(extents, _frame(layer, fields, feature.shape[2:], image.shape[2:]))
    net.prior_layers.append(str(layer))
    net.give(layer, net.weight(_with_variances(layer, fields, boxes), "boxes"))
    return net.blobs[layer.tops[0]]


def _twice(layer: LayerReader, fields: Fields, extents: Array) -> Array:
    """Return each box, and the same half a place lower (prior_box_layer.cpp of MhLiao/TextBoxes at fd4d7a9)."""
    feature, image = layer.take(2)
    frame = _frame(layer, fields, feature.shape[2:], image.shape[2:])
    lower = frame._replace(offsets=(np.float32(1), frame.offsets[1]))
    both = np.stack([_boxes(extents, frame), _boxes(extents, lower)], axis=3)
    return _with_variances(layer, fields, both)


def _with_variances(layer: LayerReader, fields: Fields, boxes: Array) -> Array:
    """Return boxes and their variances in the form of the layer's output: (1, 2, 4 boxes)."""
    if fields.flag("clip"):
        boxes = np.clip(boxes, 0, 1)
    variances = fields.floats("variance") or (0.1,)
    if len(variances) not in (1, 4):
        layer.invalid(f"{len(variances)} numbers of variance")
    spread = np.resize(np.array(variances, np.float32), boxes.shape)
    return np.stack([boxes.reshape(-1), spread.reshape(-1)])[np.newaxis]


class _Frame(NamedTuple):
    """The places of a map in an image: their number, distance, and begin of the first, height before width."""

    counts: tuple[int, int]
    steps: tuple[np.float32, np.float32]
    image: tuple[int, int]
    offsets: tuple[np.float32, np.float32]


def _frame(layer: LayerReader, fields: Fields, counts: tuple[int, ...], image: tuple[int, ...]) -> _Frame:
    if fields.has("img_size") or fields.has("img_h") or fields.has("img_w"):
        one = fields.int("img_size")
        image = (one, one) if one else (fields.int("img_h"), fields.int("img_w"))
    steps = [np.float32(size) / np.float32(count) for size, count in zip(image, counts, strict=True)]
    if fields.has("step") or fields.has("step_h") or fields.has("step_w"):
        one_step = fields.float("step")
        given = (one_step, one_step) if one_step else (fields.float("step_h"), fields.float("step_w"))
        steps = [np.float32(step) for step in given]
    if min(image) <= 0 or not all(0 < step < np.inf for step in steps):
        layer.invalid(f"an image of {image} and steps of {steps}")
    offset = np.float32(fields.float("offset"))
    return _Frame((counts[0], counts[1]), (steps[0], steps[1]), (image[0], image[1]), (offset, offset))


def _ratios(fields: Fields, flip: bool) -> list[np.float32]:
    """Return the ratios of width to height without 1, each once, with `flip` also their inverses."""
    ratios = [np.float32(1)]
    for ratio in map(np.float32, fields.floats("aspect_ratio")):
        if all(abs(float(ratio) - float(known)) >= _SAME_RATIO for known in ratios):
            ratios += [ratio, np.float32(1) / ratio] if flip and ratio else [ratio]
    return [ratio for ratio in ratios if abs(float(ratio) - 1) >= _SAME_RATIO]


def _extents(smallest: Sequence[float], largest: Sequence[float], ratios: Sequence[np.float32]) -> Array:
    """Return the width and height of each box around a place, in the order of the layer."""
    found: list[tuple[float, float]] = []
    for index, size in enumerate(smallest):
        found.append((size, size))
        if largest:
            found.append((float(np.sqrt(size * largest[index])),) * 2)
        found += [(size * float(np.sqrt(ratio)), size / float(np.sqrt(ratio))) for ratio in ratios]
    return np.array(found, np.float32)


def _boxes(extents: Array, frame: _Frame) -> Array:
    """Return left, top, right and bottom of every box, relative to the image, row by row."""
    rows, columns = (
        (np.arange(count, dtype=np.float32) + offset) * step
        for count, step, offset in zip(frame.counts, frame.steps, frame.offsets, strict=True)
    )
    middles = np.stack([*np.meshgrid(columns, rows)], axis=-1)[:, :, np.newaxis].astype(np.float64)
    halves = extents.astype(np.float64) / 2
    sizes = np.array(frame.image[::-1], np.float64)
    return np.concatenate([(middles - halves) / sizes, (middles + halves) / sizes], axis=-1).astype(np.float32)
