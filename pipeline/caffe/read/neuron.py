"""Elementwise layers of one blob."""

from __future__ import annotations

import math

import numpy as np

from pipeline.caffe.read.layer import Fields, LayerReader
from pipeline.caffe.read.reader import CaffeReader, per_channel, reads
from pipeline.graph.operators import Cast, Clip, Dropout, Elu, LeakyRelu
from pipeline.graph.values import Value

LARGEST = float(np.finfo(np.float32).max)
E = -1.0  # the base of Exp and Log that stands for e


@reads("ReLU")
def relu(layer: LayerReader, net: CaffeReader) -> None:
    """max(x, 0) + negative_slope min(x, 0)."""
    net.give(layer, _rectified(net, layer.bottom, layer.param("relu_param").float("negative_slope")))


@reads("ReLU6")
def relu6(layer: LayerReader, net: CaffeReader) -> None:
    """ReLU with 6 as its upper bound."""
    slope = layer.param("relu6_param").float("negative_slope")
    if slope:
        y = net.add("Min", _rectified(net, layer.bottom, slope), net.constant(6.0))
    else:
        y = net.add(Clip(min=0.0, max=6.0), layer.bottom)
    net.give(layer, y)


def _rectified(net: CaffeReader, x: Value, slope: float) -> Value:
    return net.add(LeakyRelu(alpha=slope), x) if slope else net.add("Relu", x)


@reads("PReLU")
def prelu(layer: LayerReader, net: CaffeReader) -> None:
    """ReLU whose slope is a parameter for each channel, or for all."""
    x = layer.bottom
    if x.rank < 2:
        layer.invalid(f"it needs channels, and shape {x.shape} has none")
    shared = layer.param("prelu_param").flag("channel_shared")
    (slope,) = net.parameters(layer, () if shared else (x.shape[1],))
    slope = slope if shared else per_channel(slope, x.rank)
    net.give(layer, net.add("PRelu", x, net.weight(slope, "slope")))


@reads("ELU")
def elu(layer: LayerReader, net: CaffeReader) -> None:
    """Exponential linear unit: alpha (e^x - 1) below 0."""
    net.give(layer, net.add(Elu(alpha=layer.param("elu_param").float("alpha")), layer.bottom))


@reads("Sigmoid")
def sigmoid(layer: LayerReader, net: CaffeReader) -> None:
    """1 / (1 + e^-x)."""
    net.give(layer, net.add("Sigmoid", layer.bottom))


@reads("TanH")
def tanh(layer: LayerReader, net: CaffeReader) -> None:
    """The hyperbolic tangent."""
    net.give(layer, net.add("Tanh", layer.bottom))


@reads("AbsVal")
def absolute_value(layer: LayerReader, net: CaffeReader) -> None:
    """|x|."""
    net.give(layer, net.add("Abs", layer.bottom))


@reads("BNLL")
def binomial_normal_log_likelihood(layer: LayerReader, net: CaffeReader) -> None:
    """log(1 + e^x), computed so that a large x does not overflow."""
    net.give(layer, net.add("Softplus", layer.bottom))


@reads("Swish")
def swish(layer: LayerReader, net: CaffeReader) -> None:
    """x sigmoid(beta x)."""
    x = layer.bottom
    gate = net.add("Sigmoid", _times(net, x, layer.param("swish_param").float("beta"), "beta"), part="gate")
    net.give(layer, net.add("Mul", x, gate))


@reads("Clip")
def clip(layer: LayerReader, net: CaffeReader) -> None:
    """The nearest number to x from min to max, both of which must be given."""
    fields = layer.param("clip_param")
    if not (fields.has("min") and fields.has("max")):
        layer.invalid("it needs clip_param with min and max")
    net.give(layer, net.add(Clip(min=fields.bound("min"), max=fields.bound("max")), layer.bottom))


@reads("Threshold")
def threshold(layer: LayerReader, net: CaffeReader) -> None:
    """1 where x is above the threshold, else 0."""
    bound = net.constant(layer.param("threshold_param").float("threshold"), "threshold")
    above = net.add("Greater", layer.bottom, bound, part="above")
    net.give(layer, net.add(Cast(to="float32"), above))


@reads("FBThreshold")
def fb_threshold(layer: LayerReader, net: CaffeReader) -> None:
    """x where it is above the threshold, else another number: Torch's Threshold, in Facebook's fork."""
    fields, x = layer.param("fbthreshold_param"), layer.bottom
    above = net.add("Greater", x, net.constant(fields.float("threshold"), "threshold"), part="above")
    net.give(layer, net.add("Where", above, x, net.constant(fields.float("val"), "val")))


@reads("Dropout")
def dropout(layer: LayerReader, net: CaffeReader) -> None:
    """x itself: the TEST phase drops nothing, whatever the ratio; ONNX's Dropout takes one from 0 to below 1 only.

    With Fast R-CNN's scale_train off, training does not scale what it keeps, and the TEST phase takes as much less
    of it (dropout_layer.cpp of caffe-fast-rcnn). SegNet's sample_weights_test drops at random in every phase.
    """
    fields, x = layer.param("dropout_param"), layer.bottom
    ratio = fields.float("dropout_ratio")
    if fields.flag("sample_weights_test"):
        layer.refuse("it drops at random in the TEST phase too", "dropout_param.sample_weights_test")
    if not fields.flag("scale_train"):
        net.give(layer, _times(net, x, 1 - ratio, "kept"))
    else:
        net.give(layer, net.add(Dropout(ratio=ratio), x) if 0 <= ratio < 1 else x)


@reads("Power")
def power(layer: LayerReader, net: CaffeReader) -> None:
    """(shift + scale x)^power; a constant where power or scale is 0 (power_layer.cpp)."""
    fields, x = layer.param("power_param"), layer.bottom
    exponent, scale, shift = (fields.float(name) for name in ("power", "scale", "shift"))
    if not exponent * scale:  # a power of 0 is 1 even for numbers that are not finite
        ones = net.add("Pow", x, net.constant(0.0, "zero"), part="ones")
        net.give(layer, _times(net, ones, _powered(layer, shift, exponent) if exponent else 1.0, "value"))
        return
    y = _plus(net, _times(net, x, scale, "scale"), shift, "shift")
    net.give(layer, y if exponent == 1 else net.add("Pow", y, net.constant(exponent, "power")))


@reads("Exp")
def exponential(layer: LayerReader, net: CaffeReader) -> None:
    """base^(shift + scale x) (exp_layer.cpp)."""
    fields = layer.param("exp_param")
    base, scale, shift = (fields.float(name) for name in ("base", "scale", "shift"))
    inner = _log_base(layer, fields) * scale
    outer = _powered(layer, math.e if base == E else base, shift)
    y = net.add("Exp", _times(net, layer.bottom, inner, "inner"), part="exp")
    net.give(layer, _times(net, y, outer, "outer"))


@reads("Log")
def logarithm(layer: LayerReader, net: CaffeReader) -> None:
    """The logarithm to `base` of shift + scale x (log_layer.cpp)."""
    fields = layer.param("log_param")
    scale, shift = fields.float("scale"), fields.float("shift")
    y = _plus(net, _times(net, layer.bottom, scale, "scale"), shift, "shift")
    log_base = _log_base(layer, fields)
    if not log_base:
        layer.invalid("a logarithm to base 1")
    net.give(layer, _times(net, net.add("Log", y, part="log"), 1 / log_base, "outer"))


def _log_base(layer: LayerReader, fields: Fields) -> float:
    base = fields.float("base")
    if base != E and base <= 0:
        layer.invalid(f"base {base}; it must be positive, or -1 for e")
    return 1.0 if base == E else math.log(base)


def _powered(layer: LayerReader, base: float, exponent: float) -> float:
    try:
        constant = math.pow(base, exponent)
    except (ValueError, OverflowError):
        constant = math.inf
    if not abs(constant) <= LARGEST:
        layer.refuse(f"the constant {base}^{exponent} is no finite number")
    return constant


def _times(net: CaffeReader, x: Value, factor: float, part: str) -> Value:
    """Return x times a number; x itself for 1."""
    return x if factor == 1 else net.add("Mul", x, net.constant(factor, f"{part}_factor"), part=part)


def _plus(net: CaffeReader, x: Value, term: float, part: str) -> Value:
    """Return x plus a number; x itself for 0."""
    return x if term == 0 else net.add("Add", x, net.constant(term, f"{part}_term"), part=part)
