"""Normalisations by stored statistics, by the input's own, and by its neighbours'."""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import (
    LRN,
    BatchNormalization,
    InstanceNormalization,
    ReduceL1,
    ReduceMax,
    ReduceSum,
    ReduceSumSquare,
)
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module


def channels(m: Module) -> dict[int, int]:
    """Return the size of the axis along which each index has statistics of its own."""
    return {1: m.weight("running_mean").size}


def variance(m: Module, net: Lowering) -> Value:
    """Return the running variance. Files of class version 1 have 1 / sqrt(var + eps) (BatchNormalization.lua, read)."""
    if m.has("running_var"):
        return net.weight(m.weight("running_var"), "running_var")
    inverse = m.weight("running_std").astype(np.float64)
    return net.weight((inverse**-2 - m.float("eps", 1e-5)).astype(np.float32), "running_var")


def normalize(m: Module, x: Value, net: Lowering) -> Value:
    """y = (x - mean) / sqrt(var + eps) * weight + bias, by the stored statistics."""
    weight, bias = m.array("weight"), m.array("bias")
    return net.add(
        BatchNormalization(epsilon=m.float("eps", 1e-5)),
        x,
        None if weight is None else net.weight(weight),
        None if bias is None else net.weight(bias, "bias"),
        net.weight(m.weight("running_mean"), "running_mean"),
        variance(m, net),
    )


@module("nn.BatchNormalization", rank=2, unbatched="widened", sizes=channels)
@module("cudnn.BatchNormalization", "fbnn.BatchNormalization", rank=2, unbatched="refused", sizes=channels)
def batch_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """Batch normalisation of feature vectors; in nn, a single vector itself becomes one (BatchNormalization.lua)."""
    return normalize(m, x, net)


@module("nn.SpatialBatchNormalization", rank=4, unbatched="widened", sizes=channels)
@module(
    "cudnn.SpatialBatchNormalization", "fbnn.SpatialBatchNormalization", rank=4, unbatched="refused", sizes=channels
)
def spatial_batch_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """Batch normalisation of images."""
    return normalize(m, x, net)


@module("nn.VolumetricBatchNormalization", rank=5, unbatched="widened", sizes=channels)
@module("cudnn.VolumetricBatchNormalization", rank=5, unbatched="refused", sizes=channels)
def volumetric_batch_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """Batch normalisation of volumes."""
    return normalize(m, x, net)


def own_channels(m: Module) -> dict[int, int]:
    """Return the number of channels if each has a weight."""
    return {1: m.weight().size} if m.has("weight") else {}


@module("nn.InstanceNormalization", rank=4, sizes=own_channels)
def instance_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """y = (x - mean) / sqrt(var + eps) * weight + bias, by the statistics of each image's channel.

    fast-neural-style's and texture_nets' class. It runs a SpatialBatchNormalization on (1, N C, H, W), in training
    mode in evaluation too. So does the nn of torch/distro (200ae7d); from 919eeca on nn takes running statistics there.
    """
    if m.flag("disabled"):
        return net.copy(x)
    weight, bias = m.array("weight"), m.array("bias")
    if weight is None and m.object.get("affine") is not False:
        net.refuse("multiplies by numbers that it draws at random when the batch size changes", "save it as affine")
    return net.add(
        InstanceNormalization(epsilon=m.float("eps", 1e-5)),
        x,
        None if weight is None else net.weight(weight),
        None if bias is None else net.weight(bias, "bias"),
    )


@module(
    "nn.SpatialCrossMapLRN",
    "cudnn.SpatialCrossMapLRN",
    "inn.SpatialCrossResponseNormalization",
    rank=4,
)
def cross_map_lrn(m: Module, x: Value, net: Lowering) -> Value:
    """y = x / (k + alpha / size * the sum of squares over `size` neighbouring channels) ** beta."""
    return net.add(
        LRN(size=m.count("size", 5), alpha=m.float("alpha", 1e-4), beta=m.float("beta", 0.75), bias=m.float("k", 1.0)),
        x,
    )


@module("nn.Normalize", rank=2, unbatched="taken")
def normalize_vectors(m: Module, x: Value, net: Lowering) -> Value:
    """y = x / (sum |x|^p + eps)^(1/p) over the last of one or two dimensions; for p = inf x / (max |x| + eps)."""
    p, eps = m.float("p"), net.constant(m.float("eps", 1e-10), "eps")
    axes = (x.rank - 1,)
    if p == float("inf"):
        largest = net.add(ReduceMax(axes=axes, keepdims=1), net.add("Abs", x, part="abs"), part="max")
        return net.add("Div", x, net.add("Add", largest, eps, part="norm"))
    if p == 2:
        powers = net.add(ReduceSumSquare(axes=axes, keepdims=1), x, part="sum")
    elif p == 1:
        powers = net.add(ReduceL1(axes=axes, keepdims=1), x, part="sum")
    else:
        base = x if p % 2 == 0 else net.add("Abs", x, part="abs")
        powered = net.add("Pow", base, net.constant(p, "p"), part="power")
        powers = net.add(ReduceSum(axes=axes, keepdims=1), powered, part="sum")
    norm = net.add("Add", powers, eps, part="sum_eps")
    if p == 2:
        norm = net.add("Sqrt", norm, part="norm")
    elif p != 1:
        norm = net.add("Pow", norm, net.constant(1 / p, "inverse_p"), part="norm")
    return net.add("Div", x, norm)
