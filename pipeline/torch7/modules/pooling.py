"""Pooling of images and volumes. Torch's numbers of windows become end pads, or a refusal if windows would give NaN."""

from __future__ import annotations

import math

from pipeline.graph.operators import AveragePool, MaxPool
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module
from pipeline.torch7.modules.convolution import Ints, along, begin_pads


def windows(size: int, kernel: int, stride: int, pad: int, ceil: bool, clip: bool) -> int:
    """Return the number of windows along one axis (SpatialMaxPooling.c). `clip` drops a last one beyond the image."""
    span = (size + 2 * pad - kernel) / stride
    count = (math.ceil(span) if ceil else math.floor(span)) + 1
    return count - 1 if clip and (count - 1) * stride >= size + pad else count


def end_pads(m: Module, x: Value, net: Lowering, axes: str, ceil: bool, always_clip: bool | None) -> Ints:
    """Return the pads at the end of each axis with which exactly Torch's windows fit.

    Torch clips on all axes if any is padded, unless `always_clip` says otherwise.
    """
    kernel, strides, pads = along(m, "k", axes), along(m, "d", axes, 1), begin_pads(m, axes)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, along(m, "dilation", axes, 1), strict=True)]
    clip = any(pads) if always_clip is None else always_clip
    ends = []
    for size, span, stride, pad in zip(x.shape[2:], spans, strides, pads, strict=True):
        count = windows(size, span, stride, pad, ceil, clip)
        if count < 1:
            net.misfit(f"an image of at least {'x'.join(map(str, spans))} with its padding", x)
        needed = (count - 1) * stride + span - size - pad
        ends.append(pad if needed <= pad < needed + stride else needed)
    return tuple(ends)


def max_pool(m: Module, x: Value, net: Lowering, axes: str, ceil: bool, always_clip: bool | None = None) -> Value:
    """The maximum of each window, without the padding. The input is remembered for modules that undo the pooling."""
    net.remembered[id(m.object)] = net.copy(x)
    return net.add(
        MaxPool(
            kernel_shape=along(m, "k", axes),
            strides=along(m, "d", axes),
            pads=begin_pads(m, axes) + end_pads(m, x, net, axes, ceil, always_clip),
            dilations=along(m, "dilation", axes, 1),
        ),
        x,
    )


@module("nn.SpatialMaxPooling", "nn.SpatialDilatedMaxPooling", "nn.SpatialMaxPoolingCUDA", rank=4)
def spatial_max_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """Max pooling, floor unless `ceil_mode`."""
    return max_pool(m, x, net, "HW", m.flag("ceil_mode"))


@module("cudnn.SpatialMaxPooling", rank=4)
def cudnn_max_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """As nn's, but cudnn does not drop a last window that starts in the padding (cudnn.torch, Pooling.lua)."""
    return max_pool(m, x, net, "HW", m.flag("ceil_mode"), always_clip=False)


@module("inn.SpatialMaxPooling", rank=4)
def inn_max_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """As nn's, always ceil, whatever its field says (imagine-nn, SpatialMaxPooling.cu)."""
    return max_pool(m, x, net, "HW", ceil=True)


@module("nn.VolumetricMaxPooling", "nn.VolumetricDilatedMaxPooling", rank=5)
def volumetric_max_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """Max pooling over time, height and width; class version 1 always floors (VolumetricMaxPooling.lua)."""
    return max_pool(m, x, net, "THW", m.flag("ceil_mode"))


@module("cudnn.VolumetricMaxPooling", rank=5)
def cudnn_volumetric_max_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """As nn's, without the clip."""
    return max_pool(m, x, net, "THW", m.flag("ceil_mode"), always_clip=False)


def average_pool(m: Module, x: Value, net: Lowering, axes: str, ceil: bool, part: str = "") -> Value:
    """The mean of each window. With `count_include_pad`, the padding counts, but not places beyond it."""
    kernel, strides, pads = along(m, "k", axes), along(m, "d", axes, 1), begin_pads(m, axes)
    for size, k, s, p in zip(x.shape[2:], kernel, strides, pads, strict=True):
        count = windows(size, k, s, p, ceil, clip=any(pads))
        if ceil and count > 0 and (count - 1) * s >= size + p:
            net.refuse(
                f"averages a window that lies outside the image, which gives NaN ({count} windows of {k} on {size})",
                "use the floor mode, or another input size",
            )
    return net.add(
        AveragePool(
            kernel_shape=kernel,
            strides=strides,
            pads=pads * 2,
            ceil_mode=int(ceil),
            count_include_pad=int(m.flag("count_include_pad", True)),
        ),
        x,
        part=part,
    )


def summed(m: Module, x: Value, net: Lowering, ceil: bool) -> Value:
    """The average, or the sum if `divide` is not set, as in old files (SpatialAveragePooling.lua)."""
    if m.flag("divide"):
        return average_pool(m, x, net, "HW", ceil)
    mean = average_pool(m, x, net, "HW", ceil, part="mean")
    return net.add("Mul", mean, net.constant(m.count("kW") * m.count("kH"), "area"))


@module("nn.SpatialAveragePooling", rank=4)
def spatial_average_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """Average pooling, floor unless `ceil_mode`; stride 1 by default."""
    return summed(m, x, net, m.flag("ceil_mode"))


@module("inn.SpatialAveragePooling", rank=4)
def inn_average_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """As nn's, always ceil, always divided (imagine-nn, SpatialAveragePooling.cu)."""
    return average_pool(m, x, net, "HW", ceil=True)


@module("cudnn.SpatialAveragePooling", rank=4)
def cudnn_average_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """cudnn divides by the whole window, and does not drop one that starts in the padding."""
    ends = end_pads(m, x, net, "HW", m.flag("ceil_mode"), always_clip=False)
    return cudnn_average(m, x, net, "HW", ends)


@module("cudnn.VolumetricAveragePooling", rank=5)
def cudnn_volumetric_average_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """As the spatial one, over time too."""
    ends = end_pads(m, x, net, "THW", m.flag("ceil_mode"), always_clip=False)
    return cudnn_average(m, x, net, "THW", ends)


def cudnn_average(m: Module, x: Value, net: Lowering, axes: str, ends: Ints) -> Value:
    """The mean of each window, padding always included (cudnn.torch, SpatialAveragePooling.lua)."""
    return net.add(
        AveragePool(
            kernel_shape=along(m, "k", axes),
            strides=along(m, "d", axes, 1),
            pads=begin_pads(m, axes) + ends,
            count_include_pad=1,
        ),
        x,
    )


@module("nn.VolumetricAveragePooling", rank=5)
def volumetric_average_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """Average pooling over time, height and width, without padding."""
    return average_pool(m, x, net, "THW", m.flag("ceil_mode"))
