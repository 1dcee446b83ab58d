"""Layers that normalise: BatchNorm, LRN, MVN and relatives in forks."""

from __future__ import annotations

import numpy as np

from pipeline.caffe.read.layer import LayerReader
from pipeline.caffe.read.pooling import Pool, pool
from pipeline.caffe.read.reader import CaffeReader, per_channel, reads
from pipeline.caffe.read.weights import Array
from pipeline.graph.operators import (
    LRN,
    BatchNormalization,
    InstanceNormalization,
    MeanVarianceNormalization,
    ReduceMean,
    ReduceSumSquare,
    Reshape,
)
from pipeline.graph.values import Value

SEGNET_EPSILON = 1e-9
MVN_EPSILON = float(np.float32(1e-9))  # the fixed epsilon of MeanVarianceNormalization


@reads("BatchNorm")
def batch_norm(layer: LayerReader, net: CaffeReader) -> None:
    """(x - mean) / sqrt(variance + eps) for each channel; blobs mean f, variance f, f (batch_norm_layer.cpp).

    Five blobs, with a scale and a bias behind, are the form of NVIDIA's and Intel's forks; with a factor other than
    1 they are refused, since Intel's divides by it as here, and NVIDIA's does not.
    """
    fields, x = layer.param("batch_norm_param"), layer.bottom
    if x.rank < 2:
        layer.invalid(f"it needs channels, and shape {x.shape} has none")
    epsilon, channels = fields.float("eps"), (x.shape[1],)
    if fields.has("use_global_stats") and not fields.flag("use_global_stats"):
        if layer.name in net.weights_file:  # for other nets that share the weights
            net.parameters(layer, channels, channels, (1,))
        net.give(layer, _batch_statistics(net, x, epsilon))
        return
    fused = net.weights_file.count(layer.name) == 5
    mean, variance, factor, *affine = net.parameters(layer, channels, channels, (1,), *[channels] * (2 * fused))
    if fused and factor[0] != 1:
        layer.refuse(f"five blobs with a factor of {factor[0]:g}, not 1: forks of Caffe disagree on its use there")
    scale, bias = (net.weight(affine[0], "scale"), net.weight(affine[1], "b")) if fused else (None, None)
    statistics = net.weight(_unscaled(mean, factor), "mean"), net.weight(_unscaled(variance, factor), "var")
    net.give(layer, net.add(BatchNormalization(epsilon=epsilon), x, scale, bias, *statistics))


@reads("BN")
def bn(layer: LayerReader, net: CaffeReader) -> None:
    """Two layers of forks, told by their fields, else by their blobs; each has a scale and a shift a channel.

    SegNet's (alexgkendall/caffe-segnet, bn_layer.cpp) has no statistics: INFERENCE only scales and shifts, LEARN
    normalises over the batch first. That of PSPNet and caffe_mpi (lxx1991/caffe_mpi, bn_layer.cpp) has a mean and a
    variance as third and fourth blob, which it uses in the TEST phase.
    """
    fields, x = layer.param("bn_param"), layer.bottom
    if x.rank < 2:
        layer.invalid(f"it needs channels, and shape {x.shape} has none")
    channels, count = (x.shape[1],), net.weights_file.count(layer.name)
    segnet = [name for name in ("bn_mode", "scale_filler", "shift_filler") if fields.has(name)]
    others = [name for name in ("slope_filler", "bias_filler", "momentum", "eps", "frozen") if fields.has(name)]
    if bool(segnet) == bool(others) and (segnet or count not in (2, 4)):
        layer.refuse("SegNet and PSPNet each have a layer of this name, and its fields do not tell which it is")
    if others or (not segnet and count == 4):
        blobs = net.parameters(layer, *[channels] * 4, exact=False)
        values = [net.weight(*named) for named in zip(blobs, ("scale", "b", "mean", "var"), strict=True)]
        net.give(layer, net.add(BatchNormalization(epsilon=fields.float("eps")), x, *values))
        return
    scale, shift = (per_channel(blob, x.rank) for blob in net.parameters(layer, channels, channels, exact=False))
    normal = _batch_statistics(net, x, SEGNET_EPSILON) if fields.word("bn_mode") == "LEARN" else x
    scaled = net.add("Mul", normal, net.weight(scale, "scale"), part="scaled")
    net.give(layer, net.add("Add", scaled, net.weight(shift, "shift")))


def _unscaled(sums: Array, factor: Array) -> Array:
    """Return sums divided by the factor, or 0 for a factor of 0. For 1, the view of the file is returned."""
    weight = np.float32(factor[0])
    if weight == 1:
        return sums
    if weight == 0:
        return np.broadcast_to(np.float32(0), sums.shape)
    return np.asarray(sums, np.float32) * (np.float32(1) / weight)


def _batch_statistics(net: CaffeReader, x: Value, epsilon: float) -> Value:
    """Return x normalised in each channel over the batch and all places, with the biased variance."""
    if x.shape[0] == 1 and x.rank > 2:  # each channel by itself
        return net.add(InstanceNormalization(epsilon=epsilon), x, None, None)
    axes = (0, *range(2, x.rank))
    centred = net.add("Sub", x, net.add(ReduceMean(axes=axes), x, part="mean"), part="centred")
    squares = net.add("Mul", centred, centred, part="squares")
    variance = net.add(ReduceMean(axes=axes), squares, part="variance")
    shifted = net.add("Add", variance, net.constant(epsilon, "eps"), part="shifted")
    return net.add("Div", centred, net.add("Sqrt", shifted, part="deviation"))


@reads("LRN")
def local_response_normalization(layer: LayerReader, net: CaffeReader) -> None:
    """x / (k + alpha / n sum of n squares)^beta, over channels or over a window within one (lrn_layer.cpp)."""
    fields, x = layer.param("lrn_param"), layer.bottom
    size, alpha, beta, k = fields.int("local_size"), fields.float("alpha"), fields.float("beta"), fields.float("k")
    if size % 2 == 0:
        layer.invalid(f"local_size {size} is even")
    if x.rank != 4:
        layer.invalid(f"it needs 4 axes, not shape {x.shape}")
    if fields.word("norm_region") == "ACROSS_CHANNELS":
        net.give(layer, net.add(LRN(size=size, alpha=alpha, beta=beta, bias=k), x))
        return
    # Within a channel, Caffe uses 1 in place of k, and the padding counts in the mean.
    window = Pool("AVE", (size, size), (1, 1), (size // 2, size // 2))
    means = pool(layer, net, net.add("Mul", x, x, part="squares"), window, part="means")
    scaled = net.add("Mul", means, net.constant(alpha, "alpha"), part="scaled")
    shifted = net.add("Add", scaled, net.constant(1.0, "one"), part="shifted")
    power = net.add("Pow", shifted, net.constant(-beta, "beta"), part="power")
    net.give(layer, net.add("Mul", x, power))


@reads("MVN")
def mean_variance_normalization(layer: LayerReader, net: CaffeReader) -> None:
    """(x - mean) / (deviation + eps), for each channel or for all of an image, with 4 axes always (mvn_layer.cpp)."""
    fields, x = layer.param("mvn_param"), layer.bottom
    if not 1 <= x.rank <= 4:
        layer.invalid(f"Caffe takes up to 4 axes here, not shape {x.shape}")
    across, epsilon = fields.flag("across_channels"), fields.float("eps")
    variance = fields.flag("normalize_variance")
    whole = x if x.rank == 4 else net.add(Reshape(shape=(0,) * x.rank + (1,) * (4 - x.rank)), x, part="image")
    axes = (1, 2, 3) if across else (2, 3)
    if variance and epsilon == MVN_EPSILON:
        y = net.add(MeanVarianceNormalization(axes=axes), whole)
    else:
        y = net.add("Sub", whole, net.add(ReduceMean(axes=axes), whole, part="mean"), part="centred")
        if variance:
            squares = net.add("Mul", y, y, part="squares")
            deviation = net.add("Sqrt", net.add(ReduceMean(axes=axes), squares, part="variance"), part="deviation")
            y = net.add("Div", y, net.add("Add", deviation, net.constant(epsilon, "eps"), part="shifted"))
    net.give(layer, y)


@reads("InstanceNorm")
def instance_norm(layer: LayerReader, net: CaffeReader) -> None:
    """Normalise each channel of each image, then a scale and a bias for each channel; Caffe2's epsilon of 1e-5."""
    x = layer.bottom
    if x.rank < 3:
        layer.invalid(f"it needs places, and shape {x.shape} has none")
    scale, bias = net.parameters(layer, (x.shape[1],), (x.shape[1],), exact=False)
    y = net.add(InstanceNormalization(epsilon=1e-5), x, net.weight(scale, "scale"), net.weight(bias, "b"))
    net.give(layer, y)


@reads("Normalize")
def normalize(layer: LayerReader, net: CaffeReader) -> None:
    """SSD's x / sqrt(sum of squares + eps), over channels or over all of an image, times a scale."""
    fields, x = layer.param("norm_param"), layer.bottom
    if x.rank != 4:
        layer.invalid(f"it needs 4 axes, not shape {x.shape}")
    shared = fields.flag("channel_shared")
    (scale,) = net.parameters(layer, () if shared else (x.shape[1],))
    axes = (1, 2, 3) if fields.flag("across_spatial") else (1,)
    squares = net.add(ReduceSumSquare(axes=axes), x, part="squares")
    shifted = net.add("Add", squares, net.constant(fields.float("eps"), "eps"), part="shifted")
    unit = net.add("Div", x, net.add("Sqrt", shifted, part="norm"), part="unit")
    net.give(layer, net.add("Mul", unit, net.weight(scale if shared else per_channel(scale, x.rank), "scale")))
