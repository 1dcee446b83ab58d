"""densecap (jcjohnson/densecap): boxes (xc, yc, w, h) in an image, and their captions.

Read: densecap/modules/*.lua, densecap/LanguageModel.lua, densecap/box_utils.lua. Its LSTM is torch-rnn's.
"""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import Concat, Expand, Gemm, Transpose
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, fields, module, refused
from pipeline.torch7.modules.arithmetic import identity
from pipeline.torch7.modules.repositories.torch_rnn import between_views
from pipeline.torch7.modules.table import alike_pair

module("nn.RegularizeLayer")(identity)


def boxes_of(x: tuple[TorchValue, ...], net: Lowering) -> tuple[Value, Value]:
    """Return two tensors of boxes, of one shape, whose last dimension is 4."""
    first, second = alike_pair(x[:2], net)
    if first.shape != second.shape or first.shape[-1:] != (4,):
        net.misfit("two tensors of boxes, of 4 numbers each", x)
    return first, second


def halves(x: Value, net: Lowering, name: str) -> tuple[Value, Value]:
    """Return the centres and the sizes of boxes."""
    axis = x.rank - 1
    return net.narrow(x, axis, 0, 2, part=f"{name}_centre"), net.narrow(x, axis, 2, 2, part=f"{name}_size")


def transformed(boxes: Value, transforms: Value, net: Lowering) -> Value:
    """Move boxes by a share of their size, and scale them by an exponential."""
    (centre, size), (move, scale) = halves(boxes, net, "box"), halves(transforms, net, "transform")
    moved = net.add("Add", net.add("Mul", move, size, part="move"), centre, part="moved")
    scaled = net.add("Mul", net.add("Exp", scale, part="scale"), size, part="scaled")
    return net.add(Concat(axis=boxes.rank - 1), moved, scaled)


@module("nn.ApplyBoxTransform")
def apply_box_transform(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Boxes moved and scaled: {boxes, transforms} (densecap)."""
    return transformed(*boxes_of(x, net), net)


@module("nn.InvertBoxTransform")
def invert_box_transform(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The transforms that lead from the first boxes to the second (densecap)."""
    anchors, targets = boxes_of(x, net)
    (centre, size), (other, wanted) = halves(anchors, net, "anchor"), halves(targets, net, "target")
    moves = net.add("Div", net.add("Sub", other, centre, part="difference"), size, part="moves")
    scales = net.add("Log", net.add("Div", wanted, size, part="ratio"), part="scales")
    return net.add(Concat(axis=anchors.rank - 1), moves, scales)


@module("nn.BoxIoU")
def intersection_over_union(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The shared area of every two boxes (N, B1, 4) and (N, B2, 4) over that of both: (N, B1, B2) (densecap).

    Corners lie half of size - 1 from the centre, while areas are width times height.
    """
    first, second = alike_pair(x[:2], net)
    if first.rank != 3 or second.rank != 3 or first.shape[::2] != second.shape[::2] or first.shape[2] != 4:
        net.misfit("two tensors of boxes, of as many images", x)
    (batch, rows, _), columns = first.shape, second.shape[1]

    def spread(value: Value, part: str, across: bool) -> Value:
        shape = (batch, 1, columns, value.shape[2]) if across else (batch, rows, 1, value.shape[2])
        one = net.reshape(value, shape, part=f"{part}_one")
        return net.add(Expand(shape=(batch, rows, columns, value.shape[2])), one, part=part)

    lows, highs, areas = [], [], []
    for boxes, part, across in ((first, "first", False), (second, "second", True)):
        centre, size = halves(boxes, net, part)
        less = net.add("Sub", size, net.constant(1.0, "one"), part=f"{part}_less")
        reach = net.add("Mul", less, net.constant(0.5, "half"), part=f"{part}_reach")
        lows.append(spread(net.add("Sub", centre, reach, part=f"{part}_low"), f"{part}_lows", across))
        highs.append(spread(net.add("Add", centre, reach, part=f"{part}_high"), f"{part}_highs", across))
        areas.append(spread(area(size, net, part), f"{part}_areas", across))
    low, high = net.add("Max", *lows, part="low"), net.add("Min", *highs, part="high")
    shared = area(net.add("Relu", net.add("Sub", high, low, part="extent"), part="size"), net, "shared")
    both = net.add("Sub", net.add("Add", *areas, part="areas"), shared, part="union")
    return net.reshape(net.add("Div", shared, both, part="share"), (batch, rows, columns))


def area(size: Value, net: Lowering, part: str) -> Value:
    """Return width times height, which stand in the last dimension, which stays with size 1."""
    axis = size.rank - 1
    width, height = (net.narrow(size, axis, i, 1, part=f"{part}_{name}") for i, name in enumerate(("width", "height")))
    return net.add("Mul", width, height, part=f"{part}_area")


@module("nn.BoxToAffine")
def box_to_affine(m: Module, x: Value, net: Lowering) -> Value:
    """The affine transform (2, 3) that each box of an image of H, W is: linear in the box (densecap)."""
    if not m.has("H") or not m.has("W"):
        net.refuse("does not know the size of the image, which setSize() sets", "call setSize() before saving")
    if x.rank != 2 or x.shape[1] != 4:
        net.misfit("boxes of 4 numbers", x)
    height, width = m.float("H"), m.float("W")
    rows = np.zeros((6, 4))
    rows[0, 3], rows[2, 1] = 1 / height, 2 / (height - 1)
    rows[4, 2], rows[5, 0] = 1 / width, 2 / (width - 1)
    shift = np.array([0, 0, -(1 + height) / (height - 1), 0, 0, -(1 + width) / (width - 1)])
    weight, bias = net.weight(rows.astype(np.float32)), net.weight(shift.astype(np.float32), "bias")
    return net.reshape(net.add(Gemm(transB=1), x, weight, bias, part="flat"), (x.shape[0], 2, 3))


def anchors_of(m: Module, x: Value, net: Lowering) -> np.ndarray:
    """Return the k boxes around every pixel of x (N, D, H, W): (k, 4, H, W)."""
    height, width = x.shape[2:]
    sizes = m.weight("anchors")
    if sizes.ndim != 2 or len(sizes) != 2:
        net.damaged("anchors of 2 rows", "x".join(map(str, sizes.shape)))
    boxes = np.empty((sizes.shape[1], 4, height, width), np.float32)
    boxes[:, 0] = np.arange(width) * m.float("sx") + m.float("x0")
    boxes[:, 1] = (np.arange(height) * m.float("sy") + m.float("y0"))[:, None]
    boxes[:, 2:] = sizes.T[:, :, None, None]
    return boxes


@module("nn.MakeAnchors", rank=4, unbatched="refused")
def make_anchors(m: Module, x: Value, net: Lowering) -> Value:
    """The k boxes around every pixel of features (N, D, H, W), whatever these are: (N, 4 k, H, W) (densecap)."""
    boxes = anchors_of(m, x, net)
    flat = boxes.reshape(1, -1, *x.shape[2:])
    whole = np.broadcast_to(flat, (x.shape[0], *flat.shape[1:]))
    return net.add("Identity", net.weight(np.ascontiguousarray(whole), "anchors"))


def by_box(x: Value, count: int, net: Lowering, part: str = "") -> Value:
    """Turn (N, k D, H, W) into (N, k H W, D)."""
    batch, channels, height, width = x.shape
    if channels % count:
        net.misfit(f"a multiple of {count} channels", x)
    split = net.reshape(x, (batch, count, channels // count, height, width), part=f"{part}_split".strip("_"))
    moved = net.add(Transpose(perm=(0, 1, 3, 4, 2)), split, part=f"{part}_moved".strip("_"))
    return net.reshape(moved, (batch, count * height * width, channels // count), part=part)


@module("nn.ReshapeBoxFeatures", rank=4, unbatched="refused")
def reshape_box_features(m: Module, x: Value, net: Lowering) -> Value:
    """The features of every box: (N, k D, H, W) gives (N, k H W, D) (densecap)."""
    return by_box(x, m.int("k"), net)


@module("nn.MakeBoxes", rank=4, unbatched="refused")
def make_boxes(m: Module, x: Value, net: Lowering) -> Value:
    """The boxes around every pixel, moved and scaled as x (N, 4 k, H, W) says: (N, k H W, 4) (densecap)."""
    anchors = anchors_of(m, x, net).transpose(0, 2, 3, 1).reshape(1, -1, 4)
    if x.shape[1] * x.shape[2] * x.shape[3] != anchors.size:
        net.misfit(f"{anchors.size // (x.shape[2] * x.shape[3])} channels", x)
    whole = np.ascontiguousarray(np.broadcast_to(anchors, (x.shape[0], *anchors.shape[1:])))
    return transformed(net.weight(whole, "anchors"), by_box(x, x.shape[1] // 4, net, "transforms"), net)


@module("nn.PosSlicer")
def positive_slicer(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """As many rows of the first as the second has (densecap)."""
    features, others = alike_pair(x[:2], net)
    if others.shape[0] > features.shape[0]:
        net.misfit("at least as many rows in the first tensor as in the second", x)
    return net.narrow(features, 0, 0, others.shape[0])


@module(
    "nn.LanguageModel",
    where=fields("image_encoder", "lookup_table", "rnn", "vocab_size"),
    holds=("image_encoder", "lookup_table", "rnn"),
)
def language_model(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Scores of the next word, (N, T + 2, V + 1), for {image vectors (N, D), words (N, T)}; 0 is no word (densecap)."""
    images, words = alike_pair(x[:2], net)
    if words.rank != 2:
        net.misfit("a vector for each image, and words of 2 dimensions", x)
    (batch, steps), vocabulary = words.shape, m.int("vocab_size")
    known = net.add("Greater", words, net.constant(0.0, "none"), part="known")
    words = net.add("Where", known, words, net.constant(vocabulary + 2.0, "null"), part="words")
    start = net.weight(np.full((batch, 1), vocabulary + 1, np.float32), "start")
    begun = net.add(Concat(axis=1), start, words, part="begun")
    encoded = net.tensor(net.run(m.child("image_encoder"), images))
    vectors = net.tensor(net.run(m.child("lookup_table"), begun))
    encoded = net.reshape(encoded, (batch, 1, vectors.shape[2]), part="image")
    sequence = net.add(Concat(axis=1), encoded, vectors, part="sequence")
    return between_views(m.child("rnn"), sequence, (batch, steps + 2), net)


refused(
    "nn.BoxSampler",
    "nn.BoxSamplerHelper",
    "nn.LocalizationLayer",
    "DenseCapModel",
    reason="chooses boxes by their scores, so that what it gives differs in size from image to image (densecap)",
    advice="cut the network before it",
)
