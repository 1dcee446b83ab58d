"""Normalisations by stored statistics, by the input's own, and by its neighbours'."""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import LRN, BatchNormalization, ReduceL1, ReduceMax, ReduceSum, ReduceSumSquare
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module


def variance(m: Module, net: Lowering) -> Value:
    """Give the running variance; files of class version 1 keep 1 / sqrt(var + eps) (BatchNormalization.lua, read)."""
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


@module("nn.BatchNormalization", "cudnn.BatchNormalization", rank=2, keeps_shape=True)
def batch_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """Batch normalisation of feature vectors."""
    return normalize(m, x, net)


@module("nn.SpatialBatchNormalization", "cudnn.SpatialBatchNormalization", rank=4, keeps_shape=True)
def spatial_batch_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """Batch normalisation of images."""
    return normalize(m, x, net)


@module("nn.VolumetricBatchNormalization", "cudnn.VolumetricBatchNormalization", rank=5, keeps_shape=True)
def volumetric_batch_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """Batch normalisation of volumes."""
    return normalize(m, x, net)


@module("nn.InstanceNormalization", rank=4)
def instance_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """fast-neural-style's and texture_nets' InstanceNormalization, as Torch7 computes it since August 2017.

    It runs the BatchNormalization `bn` in training mode on (1, N C, H, W), to normalise every image and channel by
    its own statistics. Since nn's commit 919eeca a batch of one is normalised by the running statistics instead:
    those that `bn` has for this N, else the module's own, which are a mean of 0 and a variance of 1 at first.
    """
    batch, channels = x.shape[:2]
    own = m if m.has("running_mean") else None
    means = own.weight("running_mean") if own else np.zeros(channels, np.float32)
    spreads = own.weight("running_var") if own else np.ones(channels, np.float32)
    if m.has("bn") and batch in (m.maybe_int("prev_N"), m.maybe_int("prev_batch_size")):
        means, spreads = m.child("bn").weight("running_mean"), m.child("bn").weight("running_var")
    sizes = (channels, batch * channels)
    if means.size not in sizes or spreads.size not in sizes:
        net.damaged(f"{batch * channels} running statistics", f"{means.size} and {spreads.size}")
    means, spreads = means.reshape(-1, channels), spreads.reshape(-1, channels)
    if (means == means[0]).all() and (spreads == spreads[0]).all():
        return by_statistics(m, x, net, means[0], spreads[0])
    with net.inside("images"):
        merged = net.reshape(x, (1, batch * channels, *x.shape[2:]), part="input")
        y = by_statistics(m, merged, net, means.reshape(-1), spreads.reshape(-1))
    return net.reshape(y, x.shape)


def by_statistics(m: Module, x: Value, net: Lowering, mean: np.ndarray, spread: np.ndarray) -> Value:
    """Normalise by given statistics; weight and bias are repeated for merged images."""
    repeats = [None if array is None else np.resize(array, mean.size) for array in (m.array("weight"), m.array("bias"))]
    weight, bias = (
        None if array is None else net.weight(array, part)
        for array, part in zip(repeats, ("weight", "bias"), strict=True)
    )
    mean, spread = np.ascontiguousarray(mean), np.ascontiguousarray(spread)
    statistics = net.weight(mean, "running_mean"), net.weight(spread, "running_var")
    return net.add(BatchNormalization(epsilon=m.float("eps", 1e-5)), x, weight, bias, *statistics)


@module(
    "nn.SpatialCrossMapLRN",
    "cudnn.SpatialCrossMapLRN",
    "inn.SpatialCrossResponseNormalization",
    rank=4,
    keeps_shape=True,
)
def cross_map_lrn(m: Module, x: Value, net: Lowering) -> Value:
    """y = x / (k + alpha / size * the sum of squares over `size` neighbouring channels) ** beta."""
    return net.add(
        LRN(size=m.int("size", 5), alpha=m.float("alpha", 1e-4), beta=m.float("beta", 0.75), bias=m.float("k", 1.0)),
        x,
    )


@module("nn.Normalize")
def normalize_vectors(m: Module, x: Value, net: Lowering) -> Value:
    """y = x / (sum |x|^p + eps)^(1/p) over the last of one or two dimensions; for p = inf x / (max |x| + eps)."""
    if x.rank not in (1, 2):
        net.misfit("a tensor of 1 or 2 dimensions", x)
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
