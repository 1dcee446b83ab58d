"""Layers of forks that undo a max pooling, by the mask that is its second top."""

from __future__ import annotations

import numpy as np

from pipeline.caffe.read.layer import Fields, LayerReader
from pipeline.caffe.read.reader import CaffeReader, Switches, reads
from pipeline.graph.operators import Cast, MaxPool, Resize
from pipeline.graph.unpooling import first_of_windows, placed
from pipeline.graph.values import Value

MOST_PLACES = 2**24  # float32 represents all whole numbers up to this


def mask(layer: LayerReader, net: CaffeReader, x: Value, kernel: tuple[int, ...], counts: tuple[int, ...]) -> Value:
    """Return the second top of a max pooling: the index of each maximum in its map, the first one of equal numbers.

    Only for windows side by side and without pads (PoolingLayer::Forward_cpu, pooling_layer.cpp).
    """
    height, width = x.shape[2:]
    if height * width > MOST_PLACES:
        layer.refuse(f"a mask over {height * width} places: floats count exactly up to {MOST_PLACES} only")
    chosen = first_of_windows(net, x, kernel, counts)
    rows, columns = chosen.shape[2:]
    places = np.arange(rows, dtype=np.float32)[:, None] * width + np.arange(columns, dtype=np.float32)
    candidates = net.add("Mul", net.add(Cast(to="float32"), chosen, part="marks"), net.weight(places, "places"))
    tiles = MaxPool(kernel_shape=kernel, strides=kernel, pads=(0, 0, 0, 0), dilations=(1, 1))
    found = net.add(tiles, candidates, part="mask")
    net.switches[found.name] = Switches(chosen, kernel, (height, width))
    return found


@reads("Upsample")
def upsample(layer: LayerReader, net: CaffeReader) -> None:
    """Every place repeated `scale` times along height and width (MobileNet-YOLO, upsample_layer.cpp).

    With a mask as second bottom, each number where the mask says, and zeros elsewhere (caffe-segnet of
    alexgkendall, upsample_layer.cpp).
    """
    fields = layer.param("upsample_param")
    x = layer.take(1, 2)[0]
    both = fields.int("scale")
    scales = tuple(fields.int(name) if fields.has(name) else both for name in ("scale_h", "scale_w"))
    if x.rank != 4:
        layer.invalid(f"it needs 4 axes, not shape {x.shape}")
    if len(layer.bottoms) > 1:
        said = fields.int("upsample_h"), fields.int("upsample_w")
        pads = fields.flag("pad_out_h"), fields.flag("pad_out_w")
        sizes = tuple(size * scale - pad for size, scale, pad in zip(x.shape[2:], scales, pads, strict=True))
        _by_mask(layer, net, said if all(said) else sizes)
        return
    if min(scales) < 1:
        layer.invalid(f"scale {scales} for shape {x.shape}")
    net.give(layer, net.add(Resize(scales=(1.0, 1.0, *map(float, scales)), mode="nearest"), x))


@reads("Unpooling", "UnPooling")
def unpooling(layer: LayerReader, net: CaffeReader) -> None:
    """Each number where the mask says, zeros elsewhere (HyeonwooNoh/caffe, unpooling_layer.cpp).

    What goes without a mask, or takes means, is refused.
    """
    fields = layer.param("unpooling_param")
    x = layer.take(1, 2)[0]
    if len(layer.bottoms) == 1 or fields.word("unpool") != "MAX":
        layer.refuse(f"{fields.word('unpool')} unpooling of {len(layer.bottoms)} bottoms; MAX by a mask is known")
    if fields.int("pad"):
        layer.refuse("a pad", "unpooling_param.pad")
    kernel, stride = fields.int("kernel_size"), fields.int("stride")
    computed = tuple(max((size - 1) * stride + kernel, size * stride + 1) for size in x.shape[2:])
    _by_mask(layer, net, _said(fields) or computed)


def _said(fields: Fields) -> tuple[int, ...]:
    both = fields.int("unpool_size")
    sizes = (both, both) if both else (fields.int("unpool_h"), fields.int("unpool_w"))
    return sizes if all(sizes) else ()


def _by_mask(layer: LayerReader, net: CaffeReader, sizes: tuple[int, ...]) -> None:
    """Place the first bottom by the second, which must be the mask of a pooling over a map of the same sizes."""
    x, where = layer.take(2)
    if x.rank != 4 or x.shape != where.shape:
        layer.refuse(f"a mask of shape {where.shape} for shape {x.shape}")
    switches = net.switches.get(where.name)
    if switches is None:
        layer.refuse("its second bottom is not the mask of a max pooling whose windows lie side by side")
    if switches.sizes != sizes:
        layer.refuse(f"the mask is of a map of {switches.sizes}, and the top is one of {sizes}")
    net.give(layer, placed(net, x, switches.chosen, switches.kernel, sizes))
