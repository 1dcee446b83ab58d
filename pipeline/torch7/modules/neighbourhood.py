"""Normalisation by the weighted mean and deviation of each pixel's neighbourhood, over all planes together."""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import Clip, ReduceMean
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module
from pipeline.torch7.modules.convolution import connected, kernels, planes


def response_to_ones(estimator: Module, x: Value, net: Lowering) -> np.ndarray:
    """Return the response of an estimator to an image of ones: smaller where its kernel extends beyond the image."""
    return respond(estimator, np.ones(x.shape[-3:]), net).astype(np.float32)


def respond(m: Module, x: np.ndarray, net: Lowering) -> np.ndarray:
    """Return the output, in float64, of one of an estimator's modules for (C, H, W)."""
    name = m.kind.rpartition(".")[2]
    if name == "Sequential":
        for child in m.children():
            x = respond(child, x, net)
    elif name in ("SpatialZeroPadding", "SpatialPadding"):
        left, right, top, bottom = (m.int(f"pad_{side}") for side in "lrtb")
        net.afford_weights(len(x), x.shape[1] + top + bottom, x.shape[2] + left + right)
        x = np.pad(x, ((0, 0), (top, bottom), (left, right)))
    elif name == "SpatialConvolutionMap":
        x = correlate(x, all_to_all(*connected(m, net), net), net)
    elif name in ("SpatialConvolution", "SpatialConvolutionMM"):
        x = correlate(x, kernels(m, net, "HW", m.count("nOutputPlane"), m.count("nInputPlane")), net)
    elif name == "Sum":
        x = x.sum(axis=0)
    elif name == "Replicate":
        net.afford_weights(m.count("nfeatures"), *x.shape[-2:])
        x = np.repeat(x.reshape(1, *x.shape[-2:]), m.count("nfeatures"), axis=0)
    else:
        net.refuse(f"estimates its means by an {m.kind}")
    return x


def all_to_all(weight: np.ndarray, one_to_one: bool, net: Lowering) -> np.ndarray:
    """Return kernels, of which there is one for each plane if `one_to_one`, as (out, in, kH, kW), filled with zeros."""
    if not one_to_one:
        return weight
    net.afford_weights(len(weight), len(weight), *weight.shape[2:])
    all_planes = np.arange(len(weight))
    dense = np.zeros((len(weight), len(weight), *weight.shape[2:]))
    dense[all_planes, all_planes] = weight[:, 0]
    return dense


def correlate(x: np.ndarray, weight: np.ndarray, net: Lowering) -> np.ndarray:
    """Return the correlation of (C, H, W) with (out, C, kH, kW), without padding."""
    rows, columns = weight.shape[2:]
    height, width = x.shape[1] - rows + 1, x.shape[2] - columns + 1
    net.afford_weights(len(weight), height, width)
    y = np.zeros((len(weight), height, width))
    for i in range(rows):
        for j in range(columns):
            kernel, part = weight[:, :, i, j].astype(np.float64), x[:, i : i + height, j : j + width]
            y += kernel[0, 0] * part if kernel.size == 1 else np.tensordot(kernel, part, axes=1)
    return y


def inverse_response(estimator: Module, x: Value, shape: tuple[int, ...], net: Lowering) -> Value:
    """Return 1 / the response of an estimator to an image of ones as large as x, in this shape."""
    return net.computed(shape, lambda: (1 / response_to_ones(estimator, x, net)).reshape(shape), "inverse_coefficient")


def local(estimator: Module, x: Value, net: Lowering, part: str) -> Value:
    """Return the output of an estimator, in the shape of x."""
    return net.reshape(net.tensor(net.run(estimator, x)), x.shape, part=part)


@module("nn.SpatialSubtractiveNormalization", rank=4, sizes=planes)
def subtractive_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """x minus the weighted mean of its neighbourhood."""
    estimator = m.child("meanestimator")
    mean = local(estimator, x, net, "mean_local")
    inverse = inverse_response(estimator, x, x.shape[1:], net)
    return net.add("Sub", x, net.add("Mul", mean, inverse, part="mean"))


@module("nn.SpatialDivisiveNormalization", rank=4, sizes=planes)
def divisive_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """x divided by its neighbourhood's deviation, where that is above `threshold`, else by `thresval`."""
    deviation = local(m.child("stdestimator"), x, net, "deviation_local")
    inverse = inverse_response(m.child("meanestimator"), x, x.shape[1:], net)
    deviation = net.add("Mul", deviation, inverse, part="deviation")
    limit, other = m.float("threshold", 1e-4), m.float("thresval", 1e-4)
    if limit == other:
        deviation = net.add(Clip(min=limit, max=float(np.finfo(np.float32).max)), deviation, part="thresholded")
    else:
        above = net.add("Greater", deviation, net.constant(limit, "threshold"), part="above")
        deviation = net.add("Where", above, deviation, net.constant(other, "thresval"), part="thresholded")
    return net.add("Div", x, deviation)


@module("nn.SpatialContrastiveNormalization")
def contrastive_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """Subtractive, then divisive normalisation, which stand in `normalizer`."""
    return net.tensor(net.run(m.child("normalizer"), x))


@module("nn.SpatialNormalization", rank=3, unbatched="taken", sizes=lambda m: {0: m.int("nfeatures")})
def spatial_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """nnx's older contrastive normalisation of one image (C, H, W).

    The deviation is not below `fixedThres`, or else its own mean over the image, at least 1e-3.
    """
    if x.rank == 2:
        x = net.reshape(x, (1, *x.shape), part="image")
    mean, spread = m.child("convo"), m.child("convostd")
    average = local(mean, x, net, "local_mean")
    inverse = inverse_response(mean, x, x.shape, net)
    centred = net.add("Sub", x, net.add("Mul", average, inverse, part="mean"), part="centred")
    square = net.add("Mul", centred, centred, part="square")
    variance = local(spread, square, net, "local_variance")
    deviation = net.add("Mul", net.add("Sqrt", variance, part="root"), inverse, part="deviation")
    largest = float(np.finfo(np.float32).max)
    if m.has("fixedThres"):
        limited = net.add(Clip(min=m.float("fixedThres"), max=largest), deviation, part="limited")
    else:
        level = net.add(ReduceMean(axes=(0, 1, 2), keepdims=1), deviation, part="level")
        level = net.add(Clip(min=1e-3, max=largest), level, part="least")
        above = net.add("Relu", net.add("Sub", deviation, level, part="beyond"), part="above")
        limited = net.add("Add", above, level, part="limited")
    return net.add("Div", centred, limited)
