"""Upsampling and resampling of images and volumes."""

from __future__ import annotations

import math

from pipeline.graph.operators import Resize
from pipeline.graph.operators.resize import aligned_resize
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module


def nearest(x: Value, net: Lowering, scales: tuple[int, ...]) -> Value:
    """Return x with every element repeated along the last axes."""
    kept = (1.0,) * (x.rank - len(scales))
    return net.add(Resize(scales=(*kept, *map(float, scales)), mode="nearest"), x)


def linear(x: Value, net: Lowering, sizes: tuple[int, ...]) -> Value:
    """Return x interpolated along the last axes, with aligned corners (SpatialUpSamplingBilinear.c)."""
    kept = x.shape[: x.rank - len(sizes)]
    return net.add(aligned_resize(x.shape, (*kept, *sizes)), x)


@module("nn.SpatialUpSamplingNearest", rank=4)
def upsampling_nearest(m: Module, x: Value, net: Lowering) -> Value:
    """Repeat every pixel `scale_factor` times in both directions."""
    return nearest(x, net, (m.count("scale_factor"),) * 2)


@module("nn.SpatialUpSamplingBilinear", rank=4)
def upsampling_bilinear(m: Module, x: Value, net: Lowering) -> Value:
    """Interpolate to `scale_factor` times the size, or to oheight x owidth."""
    return linear(x, net, target_sizes(m, x, "hw"))


def target_sizes(m: Module, x: Value, axes: str) -> tuple[int, ...]:
    """Return the sizes to interpolate to.

    Old versions of nn made (size - 1) * (scale - 1) + size. Sizes that a file remembers say which version it was.
    """
    names = {"d": "odepth", "h": "oheight", "w": "owidth"}
    sizes = x.shape[-len(axes) :]
    if not m.has("scale_factor"):
        return tuple(m.count(names[axis]) for axis in axes)
    scale = m.count("scale_factor")
    old, new = (
        m.sizes(name)[x.rank - len(axes) : x.rank] if m.has(name) else () for name in ("inputSize", "outputSize")
    )
    former = tuple((size - 1) * (scale - 1) + size for size in old)
    if former and scale > 1 and min(old) > 1 and former == new:
        return tuple((size - 1) * (scale - 1) + size for size in sizes)
    return tuple(size * scale for size in sizes)


@module("nn.UpSampling")
def upsampling(m: Module, x: Value, net: Lowering) -> Value:
    """Nearest or linear, of images or volumes."""
    if x.rank not in (4, 5):
        net.misfit("a tensor of 4 or 5 dimensions", x)
    if m.str("mode", "nearest") == "nearest":
        return nearest(x, net, (m.count("scale_factor"),) * (x.rank - 2))
    return linear(x, net, target_sizes(m, x, "dhw"[5 - x.rank :]))


@module("nn.SpatialUpSampling")
def spatial_upsampling(m: Module, x: Value, net: Lowering) -> Value:
    """Repeat every element dH and dW times along the dimensions yDim and xDim (nnx)."""
    vertical = m.int("yDim", 2) - 1
    if not 0 <= vertical < x.rank - 1:
        net.misfit(f"at least {vertical + 2} dimensions", x)
    scales = [1.0] * x.rank
    scales[vertical], scales[vertical + 1] = float(m.count("dH")), float(m.count("dW"))
    return net.add(Resize(scales=tuple(scales), mode="nearest"), x)


@module("nn.SpatialReSampling")
def resampling(m: Module, x: Value, net: Lowering) -> Value:
    """Interpolate an image to owidth x oheight or by the ratios rwidth, rheight; corners stay (nnx)."""
    if x.rank not in (3, 4):
        net.misfit("a tensor of 3 or 4 dimensions", x)
    height, width = x.shape[-2:]
    rows = m.count("oheight") if m.has("oheight") else math.floor(m.float("rheight") * height)
    columns = m.count("owidth") if m.has("owidth") else math.floor(m.float("rwidth") * width)
    return linear(x, net, (rows, columns))
