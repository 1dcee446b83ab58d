"""Networks of ones and minus ones (itayhubara/BinaryNet, allenai/XNOR-Net).

Read: Models/*.lua; newLayers/BinActiveZ.lua. XNOR-Net's convolutions are nn's: it writes their binary weights itself,
before it runs them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.convolution import spatial_convolution
from pipeline.torch7.modules.linear import linear, tensor
from pipeline.torch7.objects import Table


@module("nn.BinActiveZ")
def sign(m: Module, x: Value, net: Lowering) -> Value:
    """The sign of x: 1, 0 or -1 (XNOR-Net)."""
    return net.add("Sign", x)


@module("BinarizedNeurons")
def binarized_neurons(m: Module, x: Value, net: Lowering) -> Value:
    """In evaluation the sign of (x + 1) / 2 - 0.5, which is 0 if x is lost in rounding (BinaryNet)."""
    half = net.constant(0.5, "half")
    shifted = net.add("Mul", net.add("Add", x, net.constant(1.0, "one"), part="shifted"), half, part="halved")
    return net.add("Sign", net.add("Sub", shifted, half, part="centred"))


def binarized(m: Module) -> Module:
    """Return a module with 1 for every weight that is not negative, and -1 for the others, as in each forward run.

    The formula is round(clamp((w + 1) / 2, 0, 1)) 2 - 1, in float, so tiny negative weights count as 0.
    """
    shares = np.clip((m.weight().astype(np.float32) + np.float32(1)) / np.float32(2), 0, 1)
    weight = np.where(shares >= 0.5, np.float32(1), np.float32(-1))
    fields = Table({**m.object.fields, "weight": tensor(np.ascontiguousarray(weight))}, m.object.offset)
    return Module(replace(m.object, fields=fields), m.path)


@module("BinaryLinear", rank=2)
def binary_linear(m: Module, x: Value, net: Lowering) -> TorchValue:
    """A Linear with the signs of its weight (BinaryNet)."""
    return linear(binarized(m), x, net)


@module("BinarySpatialConvolution", "cudnnBinarySpatialConvolution", rank=4)
def binary_convolution(m: Module, x: Value, net: Lowering) -> TorchValue:
    """A convolution with the signs of its weight (BinaryNet)."""
    return spatial_convolution(binarized(m), x, net)


def power_of_two(array: np.ndarray) -> np.ndarray:
    """Return the nearest power of two of each number, by logarithms, with the sign of the number; 0 for 0."""
    with np.errstate(divide="ignore"):
        exponent = np.log(np.abs(array.astype(np.float32))) / np.float32(np.log(2))
    powers: np.ndarray = np.sign(array) * np.exp2(np.trunc(exponent + np.copysign(0.5, exponent)))
    return powers.astype(np.float32)


@module("BatchNormalizationShiftPow2", rank=2, unbatched="refused")
@module("SpatialBatchNormalizationShiftPow2", rank=4, unbatched="refused")
def shift_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """In evaluation (x - mean) times a power of two, times another, plus bias (BinaryNet).

    These are the nearest to running_std, which is 1 / deviation, and to the weight.
    """
    shape = (1, -1, *[1] * (x.rank - 2))

    def channels(array: np.ndarray, part: str) -> Value:
        return net.weight(array.reshape(shape), part)

    centred = net.add("Sub", x, channels(m.weight("running_mean"), "mean"), part="centred")
    scale = power_of_two(m.weight("running_std"))
    if not m.has("weight"):
        return net.add("Mul", centred, channels(scale, "scale"))
    scaled = net.add("Mul", centred, channels(scale * power_of_two(m.weight()), "scale"), part="scaled")
    return net.add("Add", scaled, channels(m.weight("bias"), "bias"))
