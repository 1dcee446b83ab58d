"""Normalisation by the weighted mean and deviation of each pixel's neighbourhood, over all planes together."""

from __future__ import annotations

import numpy as np

from pipeline.graph.builder import Builder
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module


def response_to_ones(estimator: Module, shape: tuple[int, ...], net: Lowering) -> np.ndarray:
    """Compute what an estimator gives for an image of ones (1, C, H, W): below 1 where its kernel leaves the image."""
    from pipeline.graph.evaluation import run

    inner = Lowering(Builder())
    y = inner.run(estimator, inner.builder.input("ones", shape))
    if inner.problems or not isinstance(y, Value):
        net.refuse("estimates its means by modules that cannot be converted")
    return np.array(run(inner.builder.finish([inner.current(y)]), [np.ones(shape, np.float32)])[0])


def adjusted(estimator: Module, x: Value, coefficient: np.ndarray, net: Lowering, part: str) -> Value:
    """Apply an estimator, and divide by its response to ones; the result has the shape of x."""
    y = net.tensor(net.run(estimator, x))
    y = net.reshape(y, x.shape, part=f"{part}_local")
    inverse = net.weight((1 / coefficient).reshape(x.shape[1:]), "inverse_coefficient")
    return net.add("Mul", y, inverse, part=part)


@module("nn.SpatialSubtractiveNormalization", rank=4)
def subtractive_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """x minus the weighted mean of its neighbourhood."""
    estimator = m.child("meanestimator")
    coefficient = response_to_ones(estimator, (1, *x.shape[1:]), net)
    return net.add("Sub", x, adjusted(estimator, x, coefficient, net, "mean"))


@module("nn.SpatialDivisiveNormalization", rank=4)
def divisive_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """x divided by its neighbourhood's deviation, where that is above `threshold`, else by `thresval`."""
    coefficient = response_to_ones(m.child("meanestimator"), (1, *x.shape[1:]), net)
    deviation = adjusted(m.child("stdestimator"), x, coefficient, net, "deviation")
    limit, other = m.float("threshold", 1e-4), m.float("thresval", 1e-4)
    if limit == other:
        deviation = net.add("Clip", deviation, min=limit, max=float(np.finfo(np.float32).max), part="thresholded")
    else:
        above = net.add("Greater", deviation, net.constant(limit, "threshold"), part="above")
        deviation = net.add("Where", above, deviation, net.constant(other, "thresval"), part="thresholded")
    return net.add("Div", x, deviation)


@module("nn.SpatialContrastiveNormalization")
def contrastive_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """Subtractive, then divisive normalisation, which stand in `normalizer`."""
    return net.tensor(net.run(m.child("normalizer"), x))


@module("nn.SpatialNormalization")
def spatial_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """nnx's older contrastive normalisation of one image (C, H, W).

    The deviation is not below `fixedThres`, or else its own mean over the image, at least 1e-3.
    """
    if x.rank == 2:
        x = net.reshape(x, (1, *x.shape), part="image")
    if x.rank != 3:
        net.misfit("an image of 2 or 3 dimensions, without a batch", x)
    mean, spread = m.child("convo"), m.child("convostd")
    coefficient = response_to_ones(mean, x.shape, net)
    inverse = net.weight((1 / coefficient).reshape(x.shape), "inverse_coefficient")
    local = net.reshape(net.tensor(net.run(mean, x)), x.shape, part="local_mean")
    centred = net.add("Sub", x, net.add("Mul", local, inverse, part="mean"), part="centred")
    square = net.add("Mul", centred, centred, part="square")
    local = net.reshape(net.tensor(net.run(spread, square)), x.shape, part="local_variance")
    deviation = net.add("Mul", net.add("Sqrt", local, part="root"), inverse, part="deviation")
    largest = float(np.finfo(np.float32).max)
    if m.has("fixedThres"):
        limited = net.add("Clip", deviation, min=m.float("fixedThres"), max=largest, part="limited")
    else:
        level = net.add("ReduceMean", deviation, axes=(0, 1, 2), keepdims=1, part="level")
        level = net.add("Clip", level, min=1e-3, max=largest, part="least")
        above = net.add("Relu", net.add("Sub", deviation, level, part="beyond"), part="above")
        limited = net.add("Add", above, level, part="limited")
    return net.add("Div", centred, limited)
