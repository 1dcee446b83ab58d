"""stnbhwd (qassemoquab/stnbhwd): spatial transformers of images (N, H, W, C).

Read: AffineGridGeneratorBHWD.lua, AffineTransformMatrixGenerator.lua, BilinearSamplerBHWD.lua and
generic/BilinearSamplerBHWD.c; densecap's modules/{BatchBilinearSamplerBHWD,BilinearRoiPooling}.lua run the sampler too.
"""

from __future__ import annotations

import math

import numpy as np

from pipeline.graph.operators import Concat, Expand, Gemm, Transpose
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.table import alike_pair

LARGEST = 2**26  # weights of a sampler: 256 MB


@module("nn.AffineGridGeneratorBHWD", rank=3)
def affine_grid(m: Module, x: Value, net: Lowering) -> Value:
    """The place (y, x), in -1 to 1, that each pixel comes from, by affine transforms (N, 2, 3) (stnbhwd)."""
    if x.shape[1:] != (2, 3):
        net.misfit("affine transforms of 2x3", x)
    grid = m.weight("baseGrid")
    if grid.ndim != 3 or grid.shape[2] != 3:
        net.damaged("a baseGrid of height, width and 3", "x".join(map(str, grid.shape)))
    height, width, _ = grid.shape
    rows = net.reshape(x, (x.shape[0] * 2, 3), part="rows")
    places = net.add(Gemm(transB=1), rows, net.weight(grid.reshape(-1, 3), "grid"), None, part="places")
    places = net.reshape(places, (x.shape[0], 2, height * width), part="coordinates")
    places = net.add(Transpose(perm=(0, 2, 1)), places, part="pairs")
    return net.reshape(places, (x.shape[0], height, width, 2))


@module("nn.AffineTransformMatrixGenerator", rank=2)
def affine_transform(m: Module, x: Value, net: Lowering) -> Value:
    """Affine transforms (N, 2, 3) by six numbers, or a scale, or a translation, or both in this order (stnbhwd)."""
    batch = x.shape[0]
    scales, moves = m.flag("useScale"), m.flag("useTranslation")
    if m.flag("useRotation"):
        net.refuse("takes the sine and cosine of an angle, for which there is no operator", "give it fullMode")
    count = (int(scales) + 2 * int(moves)) or 6
    if x.shape[1] != count:
        net.misfit(f"{count} numbers for each sample", x)
    if count == 6:
        return net.reshape(x, (batch, 2, 3))
    zero, one = (net.weight(np.full((batch, 1), n, np.float32), name) for n, name in ((0, "zero"), (1, "one")))
    scale = net.narrow(x, 1, 0, 1, part="scale") if scales else one
    shift = [net.narrow(x, 1, int(scales) + i, 1, part=f"shift{i + 1}") for i in range(2)] if moves else [zero, zero]
    if scales and moves:
        shift = [net.add("Mul", value, scale, part=f"scaled{i}") for i, value in enumerate(shift, 1)]
    flat = net.add(Concat(axis=1), scale, zero, shift[0], zero, scale, shift[1], part="flat")
    return net.reshape(flat, (batch, 2, 3))


@module("nn.BilinearSamplerBHWD")
def bilinear_sampler(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Images (N, H, W, C) at the places (N, h, w, 2), between pixels by their distance, 0 outside (stnbhwd)."""
    images, places = alike_pair(x[:2], net)
    if images.rank == 3 and places.rank == 3:
        batches = [net.reshape(v, (1, *v.shape), part=part) for v, part in ((images, "images"), (places, "places"))]
        with net.inside("batch"):
            y = sampled(batches[0], batches[1], net)
        return net.reshape(y, y.shape[1:])
    if images.rank != 4 or places.rank != 4 or images.shape[0] != places.shape[0]:
        net.misfit("images and as many grids of places", x)
    return sampled(images, places, net)


@module("nn.BatchBilinearSamplerBHWD", "nn.NaiveBatchBilinearSamplerBHWD")
def batch_bilinear_sampler(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """One image (H, W, C) at many grids of places (N, h, w, 2) (densecap)."""
    image, places = alike_pair(x[:2], net)
    if image.rank != 3 or places.rank != 4:
        net.misfit("one image and grids of places", x)
    grid = net.reshape(places, (1, places.shape[0] * places.shape[1], *places.shape[2:]), part="grid")
    y = sampled(net.reshape(image, (1, *image.shape), part="image"), grid, net, part="sampled")
    return net.reshape(y, (*places.shape[:3], image.shape[2]))


@module("nn.BilinearRoiPooling", holds=("net",))
def bilinear_roi_pooling(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the network inside: features at a grid in each box, in the image size that was set last (densecap)."""
    return net.run(m.child("net"), x)


def sampled(images: Value, places: Value, net: Lowering, part: str = "") -> Value:
    """Return sum over the pixels (i, j) of max(0, 1 - |y - i|) max(0, 1 - |x - j|) times the pixel.

    These are the weights of the four pixels around (y, x), and 0 for all others.
    """
    batch, height, width, channels = images.shape
    if places.shape[3] != 2:
        net.misfit("places of 2 numbers", places)
    count = places.shape[1] * places.shape[2]
    if batch * count * height * width > LARGEST:
        net.refuse(f"would weigh {height * width} pixels for each of {batch * count} places", "take a smaller grid")
    rows, columns = (
        distances(net.narrow(places, 3, axis, 1, part=f"{name}_place"), size, net, name)
        for axis, size, name in ((0, height, "y"), (1, width, "x"))
    )
    rows = net.reshape(rows, (batch, count, height, 1), part="y_weights")
    columns = net.reshape(columns, (batch, count, 1, width), part="x_weights")
    shape = (batch, count, height, width)
    both = [net.add(Expand(shape=shape), v, part=p) for v, p in ((rows, "y_all"), (columns, "x_all"))]
    weights = net.add("Mul", *both, part="weights")
    flat = net.reshape(weights, (batch, count, height * width), part="weights_flat")
    pixels = net.reshape(images, (batch, height * width, channels), part="pixels")
    y = net.add("MatMul", flat, pixels, part=f"{part}_rows".strip("_"))
    return net.reshape(y, (*places.shape[:3], channels), part=part)


def distances(places: Value, size: int, net: Lowering, name: str) -> Value:
    """Return max(0, 1 - |place - i|) for all i below size, at places in -1 to 1: (N, places, size)."""
    count = math.prod(places.shape[1:])
    column = net.reshape(places, (places.shape[0] * count, 1), part=f"{name}_column")
    half = (size - 1) / 2
    centred = net.add("Mul", column, net.constant(half, f"{name}_half"), part=f"{name}_scaled")
    spread = net.add(Expand(shape=(places.shape[0] * count, size)), centred, part=f"{name}_spread")
    grid = net.weight((np.arange(size) - half).astype(np.float32).reshape(1, size), f"{name}_grid")
    apart = net.add("Abs", net.add("Sub", spread, grid, part=f"{name}_difference"), part=f"{name}_distance")
    near = net.add("Sub", net.constant(1.0, "one"), apart, part=f"{name}_nearness")
    weights = net.add("Relu", near, part=f"{name}_weight")
    return net.reshape(weights, (places.shape[0], count, size), part=f"{name}_rows")
