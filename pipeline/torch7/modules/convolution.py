"""Convolutions of images and volumes, and their transposes."""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import Conv, ConvTranspose, LocallyConnected
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module

Ints = tuple[int, ...]


def planes(m: Module) -> dict[int, int]:
    """Return the size of the axis of the input planes."""
    return {1: m.int("nInputPlane")}


def begin_pads(m: Module, axes: str) -> Ints:
    """Return the padding of each axis. In old files, a single `padding` is for all (SpatialConvolution.lua)."""
    if m.has("padding"):
        return (m.int("padding"),) * len(axes)
    return tuple(m.int(f"pad{axis}", m.int(f"p{axis}", 0)) for axis in axes)


def along(m: Module, prefix: str, axes: str, default: int | None = None) -> Ints:
    """Return the fields `<prefix>T`, `<prefix>H`, `<prefix>W`, in the order of the axes."""
    if default is None:
        return tuple(m.count(prefix + axis) for axis in axes)
    return tuple(m.count(prefix + axis, default) for axis in axes)


def convolve(m: Module, x: Value, net: Lowering, weight: np.ndarray, axes: str, group: int = 1) -> Value:
    """Return the convolution of `x` with `weight` (out, in / group, kernel...), by the module's geometry."""
    bias = m.array("bias")
    pads = begin_pads(m, axes)
    return net.add(
        Conv(
            kernel_shape=tuple(weight.shape[2:]),
            strides=along(m, "d", axes, 1),
            pads=pads * 2,
            dilations=along(m, "dilation", axes, 1),
            group=group,
        ),
        x,
        net.weight(weight),
        None if bias is None else net.weight(bias.reshape(-1), "bias"),
    )


def kernels(m: Module, net: Lowering, axes: str, first: int, second: int) -> np.ndarray:
    """Return the weight as (first, second, kernel...). In old files, it has only two dimensions."""
    shape = (first, second, *along(m, "k", axes))
    weight = m.weight()
    if weight.size != np.prod(shape):
        net.damaged(f"a weight of {'x'.join(map(str, shape))} elements", "x".join(map(str, weight.shape)))
    return weight.reshape(shape)


@module(
    "nn.SpatialConvolution",
    "nn.SpatialConvolutionMM",
    "nn.SpatialDilatedConvolution",
    "cudnn.SpatialConvolution",
    "cudnn.SpatialDilatedConvolution",
    "nn.SpatialConvolutionSparse",
    rank=4,
    sizes=planes,
)
def spatial_convolution(m: Module, x: Value, net: Lowering) -> Value:
    """A convolution of an image, with groups in cudnn."""
    group = m.count("groups", 1)
    weight = kernels(m, net, "HW", m.count("nOutputPlane"), m.count("nInputPlane") // group)
    return convolve(m, x, net, weight, "HW", group)


@module(
    "nn.VolumetricConvolution", "nn.VolumetricConvolutionMM", "nn.VolumetricDilatedConvolution", rank=5, sizes=planes
)
@module("cudnn.VolumetricConvolution", rank=5, unbatched="kept", sizes=planes)
def volumetric_convolution(m: Module, x: Value, net: Lowering) -> Value:
    """A convolution of a volume: time, height, width; cudnn's output always has a batch dimension."""
    group = m.count("groups", 1)
    weight = kernels(m, net, "THW", m.count("nOutputPlane"), m.count("nInputPlane") // group)
    return convolve(m, x, net, weight, "THW", group)


@module("nn.SpatialDepthWiseConvolution", rank=4, sizes=planes)
def depthwise_convolution(m: Module, x: Value, net: Lowering) -> Value:
    """A convolution with nOutputPlane kernels for each input plane; outputs of the same input plane are consecutive.

    On images that are not square, Torch confuses height and width (SpatialDepthWiseConvolution.c).
    """
    if x.shape[2] != x.shape[3]:
        net.refuse(
            f"gives garbage in Torch7 for images not square ({x.shape[2]}x{x.shape[3]}): there is nothing to match",
            "give square images",
        )
    multiplier, planes = m.count("nOutputPlane"), m.count("nInputPlane")
    weight = kernels(m, net, "HW", multiplier, planes).transpose(1, 0, 2, 3)
    weight = weight.reshape(planes * multiplier, 1, *weight.shape[2:])
    bias = m.array("bias")
    return net.add(
        Conv(
            kernel_shape=tuple(weight.shape[2:]),
            strides=along(m, "d", "HW", 1),
            pads=begin_pads(m, "HW") * 2,
            dilations=(1, 1),
            group=planes,
        ),
        x,
        net.weight(weight),
        None if bias is None else net.weight(bias.reshape(multiplier, planes).T.reshape(-1), "bias"),
    )


def connected(m: Module, net: Lowering) -> tuple[np.ndarray, bool]:
    """Return the kernels of a connection table as (out, in, kH, kW), or as (C, 1, kH, kW) if it is one-to-one.

    The second result says whether it is one-to-one.
    """
    table = m.weight("connTable").astype(np.int64) - 1
    weight = m.weight()
    inputs, outputs = m.count("nInputPlane"), m.count("nOutputPlane")
    if table.ndim != 2 or table.shape[1] != 2 or weight.ndim != 3 or len(weight) != len(table):
        net.damaged("a kernel for each pair of planes in connTable", f"weight {weight.shape}, connTable {table.shape}")
    if table.min() < 0 or table[:, 0].max() >= inputs or table[:, 1].max() >= outputs:
        net.damaged(f"planes 1 to {inputs} and 1 to {outputs} in connTable", "others")
    if inputs == outputs == len(table) and (table == np.arange(inputs)[:, None]).all():
        return weight[:, None], True
    net.afford_weights(outputs, inputs, *weight.shape[1:])
    dense = np.zeros((outputs, inputs, *weight.shape[1:]), weight.dtype.newbyteorder("="))
    for (source, target), kernel in zip(table, weight, strict=True):
        dense[target, source] += kernel
    return dense, False


@module("nn.SpatialConvolutionMap", rank=4, sizes=planes)
def convolution_map(m: Module, x: Value, net: Lowering) -> Value:
    """A convolution in which only the pairs of planes in `connTable` are connected; other weights are 0."""
    weight, one_to_one = connected(m, net)
    return convolve(m, x, net, weight, "HW", len(weight) if one_to_one else 1)


def transposed(m: Module, x: Value, net: Lowering, weight: np.ndarray, axes: str, adj: Ints, group: int = 1) -> Value:
    """The transpose of a convolution, with weight (in, out / group, kernel...) and `adj` more places at the end."""
    bias = m.array("bias")
    return net.add(
        ConvTranspose(
            kernel_shape=tuple(weight.shape[2:]),
            strides=along(m, "d", axes, 1),
            pads=begin_pads(m, axes) * 2,
            dilations=along(m, "dilation", axes, 1),
            group=group,
            output_padding=adj,
        ),
        x,
        net.weight(weight),
        None if bias is None else net.weight(bias.reshape(-1), "bias"),
    )


def full_convolution(m: Module, x: TorchValue, net: Lowering, axes: str) -> Value:
    """A transposed convolution of a tensor, or of {tensor, reference}, whose `adj` yields the size of the reference."""
    adj = tuple(m.int(f"adj{axis}", 0) for axis in axes)
    if isinstance(x, tuple):
        if len(x) != 2 or not isinstance(x[0], Value) or not isinstance(x[1], Value):
            net.misfit("a tensor, or a table of a tensor and another whose size it shall get", x)
        sizes = x[1].shape[-len(axes) :]
        geometry = zip(sizes, along(m, "k", axes), begin_pads(m, axes), along(m, "d", axes, 1), strict=True)
        adj = tuple((size + 2 * pad - kernel) % stride for size, kernel, pad, stride in geometry)
        x = x[0]
    x = net.current(x)
    group = m.count("groups", 1)
    inputs, outputs = m.count("nInputPlane"), m.count("nOutputPlane")
    if m.kind == "nn.VolumetricFullConvolution" and not m.has("adjW"):  # before adj existed, the two were exchanged
        weight = kernels(m, net, axes, outputs, inputs).swapaxes(0, 1)
    else:
        weight = kernels(m, net, axes, inputs, outputs // group)
    return net.batched(x, len(axes) + 2, lambda b: transposed(m, b, net, weight, axes, adj, group))


@module("nn.SpatialFullConvolution", "cudnn.SpatialFullConvolution", rank=4, sizes=planes)
def spatial_full_convolution(m: Module, x: TorchValue, net: Lowering) -> Value:
    """A transposed convolution of an image."""
    return full_convolution(m, x, net, "HW")


@module("nn.VolumetricFullConvolution", "cudnn.VolumetricFullConvolution", rank=5, sizes=planes)
def volumetric_full_convolution(m: Module, x: TorchValue, net: Lowering) -> Value:
    """A transposed convolution of a volume."""
    return full_convolution(m, x, net, "THW")


@module("nn.SpatialFullConvolutionMap", rank=4, unbatched="only", sizes=planes)
def full_convolution_map(m: Module, x: Value, net: Lowering) -> Value:
    """A transposed convolution in which only the pairs of planes in `connTable` are connected."""
    weight, one_to_one = connected(m, net)
    if one_to_one:
        return transposed(m, x, net, weight, "HW", (0, 0), len(weight))
    return transposed(m, x, net, weight.swapaxes(0, 1), "HW", (0, 0))


def local_image(m: Module) -> dict[int, int]:
    """Return the size of the only image that fits, as there is a kernel for each of its places."""
    return {1: m.int("nInputPlane"), 2: m.int("iH"), 3: m.int("iW")}


@module("nn.SpatialConvolutionLocal", rank=4, sizes=local_image)
def local_convolution(m: Module, x: Value, net: Lowering) -> Value:
    """A convolution with separate kernels and biases for every place; weight (oH, oW, out, in, kH, kW)."""
    height, width, outputs = m.count("oH"), m.count("oW"), m.count("nOutputPlane")
    shape = (height, width, outputs, m.count("nInputPlane"), m.count("kH"), m.count("kW"))
    with net.inside("local"):
        y = net.add(
            LocallyConnected(kernel_shape=shape[-2:], strides=along(m, "d", "HW", 1), pads=begin_pads(m, "HW") * 2),
            x,
            net.weight(m.weight().reshape(shape)),
            None,
        )
    return net.add("Add", y, net.weight(m.weight("bias").reshape(outputs, height, width), "bias"))
