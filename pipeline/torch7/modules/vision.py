"""Modules of imagine-nn (inn), dpnn and nnx for images, and modules that gate and stack channels."""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import AveragePool, Concat, Conv, MaxRoiPool, Slice, Transpose
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module, refused
from pipeline.torch7.modules.activation import in_place
from pipeline.torch7.modules.axes import axis_of
from pipeline.torch7.modules.containers import concatenated
from pipeline.torch7.modules.convolution import along
from pipeline.torch7.modules.pooling import end_pads
from pipeline.torch7.modules.table import alike_pair
from pipeline.torch7.tree import walk


def per_channel(array: np.ndarray, x: Value, net: Lowering, ranks: tuple[int, ...]) -> np.ndarray:
    """Return numbers, one for each channel, in a shape for x of one of `ranks`: (N, C), (N, C, H, W) or (C, H, W)."""
    axis = 0 if x.rank == 3 else 1
    if x.rank not in ranks or x.shape[axis] != array.size:
        net.misfit(f"{array.size} channels", x)
    return array.reshape(-1, *[1] * (x.rank - axis - 1))


@module("inn.ConstAffine", sizes=lambda m: {1: m.weight("a").size})
def const_affine(m: Module, x: Value, net: Lowering) -> Value:
    """y = a x + b, channel by channel."""
    a, b = (net.weight(per_channel(m.weight(name), x, net, (2, 4)), name) for name in "ab")
    return in_place(m, x, net.add("Add", net.add("Mul", x, a, part="scaled"), b), net)


@module("inn.MeanSubtraction")
def mean_subtraction(m: Module, x: Value, net: Lowering) -> Value:
    """x minus a mean image."""
    mean = m.weight("mean")
    if mean.ndim == 4:
        mean = mean[0]
    if mean.size != int(np.prod(x.shape[-3:])):
        net.misfit(f"images of {'x'.join(map(str, mean.shape))}", x)
    return net.add("Sub", x, net.weight(mean.reshape(x.shape[-3:]), "mean"))


@module("nn.SpatialFeatNormalization", rank=4, unbatched="taken", sizes=lambda m: {1: m.weight("mean").size})
def feature_normalization(m: Module, x: Value, net: Lowering) -> Value:
    """(x - mean) / std, channel by channel (dpnn)."""
    mean, std = (net.weight(per_channel(m.weight(name), x, net, (3, 4)), name) for name in ("mean", "std"))
    return net.add("Div", net.add("Sub", x, mean, part="centred"), std)


@module("inn.SpatialPyramidPooling")
def pyramid_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """Join adaptive max poolings of several sizes, each flattened."""
    if x.rank not in (3, 4):
        net.misfit("a tensor of 3 or 4 dimensions", x)
    return concatenated(m, x, net, x.rank - 2)


@module("inn.SpatialStochasticPooling", rank=4)
def stochastic_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """In evaluation sum x^2 / sum x of each window; always ceil (SpatialStochasticPooling.cu)."""
    ends = end_pads(m, x, net, "HW", ceil=True, always_clip=False)

    def means(value: Value, part: str) -> Value:
        kernel, strides = along(m, "k", "HW"), along(m, "d", "HW")
        pads = (0, 0, *ends)
        return net.add(
            AveragePool(kernel_shape=kernel, strides=strides, pads=pads, count_include_pad=1), value, part=part
        )

    squares = means(net.add("Mul", x, x, part="square"), "squares")
    least = net.constant(float(np.finfo(np.float32).tiny), "least")
    return net.add("Div", squares, net.add("Add", means(x, "means"), least, part="not_zero"))


@module("inn.ROIPooling")
def roi_pooling(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Max pooling of regions {images, rois}: rows of image, x1, y1, x2, y2, all from 1 on.

    In its second version a region ends a pixel earlier.
    """
    images, rois = alike_pair(x, net)
    scale = m.float("spatial_scale", 1.0)
    end = 1 + 1 / scale if m.flag("v2") else 1.0
    shift = net.weight(np.array([1, 1, 1, end, end], np.float32), "shift")
    regions = net.add("Sub", rois, shift, part="rois")
    return net.add(MaxRoiPool(pooled_shape=along(m, "", "HW"), spatial_scale=scale), images, regions)


@module("nn.SpatialUniformCrop")
def uniform_crop(m: Module, x: Value, net: Lowering) -> Value:
    """In evaluation the middle of the image, which in Torch begins at ceil((size - cropped) / 2) from 1 on (dpnn)."""
    if x.rank not in (3, 4):
        net.misfit("a tensor of 3 or 4 dimensions", x)
    sizes = (m.count("oheight"), m.count("owidth"))
    starts = tuple(-(-(n - size) // 2) - 1 for n, size in zip(x.shape[-2:], sizes, strict=True))
    if min(starts) < 0:
        net.misfit(f"images larger than {sizes[0]}x{sizes[1]}", x)
    ends = tuple(start + size for start, size in zip(starts, sizes, strict=True))
    return net.add(Slice(starts=starts, ends=ends, axes=(x.rank - 2, x.rank - 1)), x)


@module("nn.GatedLinearUnit")
def gated_linear_unit(m: Module, x: Value, net: Lowering) -> Value:
    """The first half times the sigmoid of the second, along `dim` (the last one)."""
    axis = axis_of(m.int("dim", x.rank), x, net)
    half, odd = divmod(x.shape[axis], 2)
    if odd or not half:
        net.misfit(f"an even size along dimension {axis + 1}", x)
    gate = net.add("Sigmoid", net.narrow(x, axis, half, half, part="second"), part="gate")
    return net.add("Mul", net.narrow(x, axis, 0, half, part="first"), gate)


@module("nn.CReLU")
def crelu(m: Module, x: Value, net: Lowering) -> Value:
    """The positive parts of x and of -x, joined along the channels."""
    axis = int(x.rank == m.int("nInputDims") + 1)
    joined = net.add(Concat(axis=axis), x, net.add("Neg", x, part="neg"), part="joined")
    return net.add("Relu", joined)


@module("nn.SpatialLinear", rank=4, unbatched="only", sizes=lambda m: {1: m.weight().shape[-1]})
def spatial_linear(m: Module, x: Value, net: Lowering) -> Value:
    """A Linear of the channels at every pixel (nnx): a convolution of 1 x 1."""
    weight = m.weight()
    bias = m.array("bias")
    return net.add(
        Conv(kernel_shape=(1, 1), strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1)),
        x,
        net.weight(weight.reshape(*weight.shape, 1, 1)),
        None if bias is None else net.weight(bias, "bias"),
    )


# Modules that compute something else if `train` is set.
_TRAINING = ("BatchNormalization", "Dropout", "RReLU", "WhiteNoise")


@module("nn.SpatialClassifier")
def spatial_classifier(m: Module, x: Value, net: Lowering) -> Value:
    """Run `classifier` on the channels of every pixel of one image (C, H, W), as a batch (nnx).

    It is no nn.Container: evaluate() does not reach the modules in it, which stay in the mode they were saved in.
    """
    if x.rank != 3:
        net.misfit("one image of 3 dimensions", x)
    classifier = m.child("classifier") if m.has("classifier") else m.inner(1)
    for _, inner in walk(classifier.object):
        if inner.class_name.endswith(_TRAINING) and Module(inner).flag("train"):
            net.refuse(f"runs an {inner.class_name} in training mode", "call classifier:evaluate() before saving")
    height, width = x.shape[1:]
    with net.inside("pixels"):
        pixels = transposed(net.reshape(x, (x.shape[0], height * width), part="planes"), net, "rows")
    y = net.tensor(net.run(classifier, pixels))
    if not m.flag("spatialOutput", True):
        return y
    return net.reshape(transposed(y, net, "planes"), (y.shape[1], height, width))


def transposed(x: Value, net: Lowering, part: str) -> Value:
    """Return a matrix transposed."""
    if 1 in x.shape:
        return net.reshape(x, x.shape[::-1], part=part)
    return net.add(Transpose(perm=(1, 0)), x, part=part)


refused(
    "nn.SpatialGlimpse",
    reason="cuts the image at a place that the network computes, which no static network can",
    advice="cut before the network",
)
