"""multipathnet (facebookresearch/multipathnet): regions of images. Read: modules/*.lua.

A region is a row of the image's number, x1, y1, x2, y2.
"""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import ArgMax, Concat, Gather, Gemm, OneHot, ReduceSum
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.axes import axis_of, joined
from pipeline.torch7.modules.containers import sequential
from pipeline.torch7.modules.table import alike_pair


@module("nn.NoBackprop")
def no_backprop(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the module inside."""
    return net.run(m.inner(1), x)


@module("nn.ModeSwitch")
def mode_switch(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """In evaluation run the second of two modules."""
    return net.run(m.inner(2), x)


@module("nn.ModelParallelTable")
def model_parallel(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run every module on the input, and join what they give along `dimension`, item by item where it is a table."""
    return _joined([net.run(child, x) for child in m.children()], m.int("dimension"), net)


def _joined(given: list[TorchValue], dimension: int, net: Lowering, part: str = "") -> TorchValue:
    tables = [y for y in given if isinstance(y, tuple)]
    if tables and len(tables) == len(given):
        columns = zip(*tables, strict=True)
        return tuple([_joined(list(items), dimension, net, f"{part}item{i}") for i, items in enumerate(columns, 1)])
    tensors = net.tensors(given)
    with net.inside(part):
        return joined(tensors, axis_of(dimension, tensors[0], net), net)


@module("nn.SequentialSplitBatch")
def sequential_split(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the modules one after the other, on at most `batch_size` samples at a time (here on all)."""
    return sequential(m, x, net)


@module("nn.BBoxNorm")
def box_norm(m: Module, x: Value, net: Lowering) -> Value:
    """In evaluation x std + mean, for every four numbers of a row, in the memory of x."""
    if x.rank != 2 or x.shape[1] % 4:
        net.misfit("rows of boxes", x)
    std, mean = (np.tile(m.weight(name).reshape(-1), x.shape[1] // 4) for name in ("std", "mean"))
    if std.size != x.shape[1] or mean.size != x.shape[1]:
        net.damaged("a mean and a std of 4 numbers", f"{m.weight('mean').size} and {m.weight('std').size}")
    scaled = net.add("Mul", x, net.weight(std, "std"), part="scaled")
    return net.overwrite(x, net.add("Add", scaled, net.weight(mean, "mean")))


@module("nn.SelectBoxes")
def select_boxes(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The box (4 numbers) of each row's best class, from {scores (B, C), boxes (B, 4 C)}, times std plus mean."""
    scores, boxes = alike_pair(x[:2], net)
    if scores.rank != 2 or boxes.shape != (scores.shape[0], 4 * scores.shape[1]):
        net.misfit("scores, and 4 numbers for each of them", x)
    best = net.add(OneHot(depth=scores.shape[1]), net.add(ArgMax(axis=1, keepdims=0), scores, part="best"), part="one")
    one = net.reshape(best, (*scores.shape, 1), part="column")
    split = net.reshape(boxes, (*scores.shape, 4), part="split")
    normal = not m.has("std")
    y = net.add(ReduceSum(axes=(1,), keepdims=0), net.add("Mul", split, one, part="kept"), part="" if normal else "box")
    if normal:
        return y
    std, mean = (net.weight(m.weight(name).reshape(1, 4), name) for name in ("std", "mean"))
    return net.add("Add", net.add("Mul", y, std, part="scaled"), mean)


def regions(x: Value, net: Lowering) -> Value:
    """Check that x is rows of regions."""
    if x.rank != 2 or x.shape[1] != 5:
        net.misfit("rows of an image and its region's 4 corners", x)
    return x


@module("nn.ContextRegion")
def context_region(m: Module, x: Value, net: Lowering) -> Value:
    """Regions scaled around their centre: the corners times a matrix."""
    whole = np.eye(5, dtype=np.float32)
    whole[1:, 1:] = m.weight("tr")
    return net.add(Gemm(), regions(x, net), net.weight(whole, "transform"), None)


@module("nn.Foveal")
def foveal(m: Module, x: Value, net: Lowering) -> Value:
    """Every region, and the same 1.5, 2 and 4 times as large, one after the other."""
    rows = regions(x, net).shape[0]
    tables = []
    for margin in (0.0, 0.25, 0.5, 1.5):
        table = np.eye(5)
        table[1:3, 1:3] += margin * np.eye(2)
        table[3:, 1:3] -= margin * np.eye(2)
        table[1:3, 3:] -= margin * np.eye(2)
        table[3:, 3:] += margin * np.eye(2)
        tables.append(table)
    weight = net.weight(np.concatenate(tables, axis=1).astype(np.float32), "transforms")
    return net.reshape(net.add(Gemm(), x, weight, None, part="rows"), (4 * rows, 5))


@module("nn.ConvertFrom")
def convert_from(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Regions moved by a share of their size and scaled by an exponential: {regions (B, 5), transforms (B, 4)}."""
    boxes, transforms = alike_pair(x[:2], net)
    if transforms.shape != (regions(boxes, net).shape[0], 4):
        net.misfit("regions, and 4 numbers for each of them", x)
    low, high = net.narrow(boxes, 1, 1, 2, part="low"), net.narrow(boxes, 1, 3, 2, part="high")
    half = net.constant(0.5, "half")
    size = net.add("Sub", high, low, part="size")
    centre = net.add("Mul", net.add("Add", low, high, part="ends"), half, part="centre")
    move = net.add("Mul", net.narrow(transforms, 1, 0, 2, part="move"), size, part="moves")
    moved = net.add("Add", centre, move, part="moved")
    scale = net.add("Exp", net.narrow(transforms, 1, 2, 2, part="log_scale"), part="scale")
    reach = net.add("Mul", net.add("Mul", scale, size, part="new_size"), half, part="reach")
    ends = net.add("Sub", moved, reach, part="new_low"), net.add("Add", moved, reach, part="new_high")
    return net.add(Concat(axis=1), net.narrow(boxes, 1, 0, 1, part="image"), *ends)


@module("fbcoco.ImageTransformer")
def image_transformer(m: Module, x: Value, net: Lowering) -> Value:
    """(scale x - mean) / std, channel by channel, in the order `swap`."""
    if x.rank != 3 or x.shape[0] != 3:
        net.misfit("an image of 3 channels", x)
    scale, ones = m.float("scale", 1.0), (1.0, 1.0, 1.0)
    mean, std = (np.array(m.numbers(name) if m.has(name) else ones, np.float32) for name in ("mean", "std"))
    order = np.array(m.sizes("swap") if m.has("swap") else (1, 2, 3), np.int64) - 1
    if sorted(order) != [0, 1, 2] or mean.size != 3 or std.size != 3:
        net.damaged("3 numbers as mean, std and swap", "others")
    factor, shift = (net.weight(v.reshape(3, 1, 1), name) for v, name in ((scale / std, "scale"), (mean / std, "mean")))
    swapped = net.add(Gather(axis=0), x, net.weight(order, "swap"), part="swapped")
    return net.add("Sub", net.add("Mul", swapped, factor, part="scaled"), shift)
