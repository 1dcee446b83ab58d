"""Modules for sequences (N, time, features), also without N."""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import AveragePool, Concat, Conv, MaxPool, Pad, ReduceMax, Transpose
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module, refused


def frames(m: Module, x: Value, net: Lowering, kernel: int, stride: int, padding: int) -> tuple[Value, int]:
    """Return the frames of every window side by side, (N, T, F) to (N, windows, blocks * stride * F), and `blocks`.

    Frames are taken in blocks of `stride`, so the last block may contain some that are beyond the window.
    """
    batch, length, features = x.shape
    count = (length + 2 * padding - kernel) // stride + 1
    if count < 1:
        net.misfit(f"at least {kernel - 2 * padding} frames", x)
    blocks = -(-kernel // stride)
    needed = (count - 1 + blocks) * stride
    if padding or needed != length:
        x = net.add(Pad(pads=(0, padding, 0, 0, needed - length - padding, 0)), x, part="fitted")
    x = net.reshape(x, (batch, needed // stride, stride * features), part="blocks")
    pieces = [net.narrow(x, 1, i, count, part=f"block{i + 1}") for i in range(blocks)]
    return (net.add(Concat(axis=2), *pieces, part="windows") if blocks > 1 else pieces[0]), blocks


def convolve(m: Module, x: Value, net: Lowering, kernel: int, stride: int, padding: int = 0) -> Value:
    """Return the product of every window of `kernel` frames with the weight (out, kernel * in), time first."""
    features = x.shape[2]
    windows, blocks = frames(m, x, net, kernel, stride, padding)
    weight, bias = m.weight(), m.array("bias")
    if weight.size % (kernel * features):
        net.damaged(f"a weight of rows of {kernel * features}", str(weight.shape))
    weight = weight.reshape(-1, kernel * features)
    if blocks * stride > kernel:
        net.afford_weights(len(weight), blocks * stride * features)
        weight = np.pad(weight, ((0, 0), (0, (blocks * stride - kernel) * features)))
    y = net.add("MatMul", windows, net.weight(weight.T), part="" if bias is None else "product")
    return y if bias is None else net.add("Add", y, net.weight(bias, "bias"))


def frame(m: Module) -> dict[int, int]:
    """Return the number of features in a frame."""
    return {2: m.int("inputFrameSize")} if m.has("inputFrameSize") else {}


@module("nn.TemporalConvolution", rank=3, sizes=frame)
def temporal_convolution(m: Module, x: Value, net: Lowering) -> Value:
    """A convolution over time."""
    return convolve(m, x, net, m.count("kW"), m.count("dW", 1))


@module("cudnn.TemporalConvolution", rank=3, sizes=frame)
def cudnn_temporal_convolution(m: Module, x: Value, net: Lowering) -> Value:
    """As nn's, but its time is called H, and it pads (cudnn.torch, TemporalConvolution.lua)."""
    return convolve(m, x, net, m.count("kH"), m.count("dH", 1), m.int("padH", 0))


@module("nn.TemporalMaxPooling", rank=3)
def temporal_max_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """The largest of every `kW` frames, feature by feature: pooling of an image of one channel."""
    image = net.reshape(x, (x.shape[0], 1, *x.shape[1:]), part="image")
    y = net.add(
        MaxPool(
            kernel_shape=(m.count("kW"), 1),
            strides=(m.count("dW", m.count("kW")), 1),
            pads=(0, 0, 0, 0),
            dilations=(1, 1),
        ),
        image,
        part="pooled",
    )
    return net.reshape(y, (y.shape[0], *y.shape[2:]))


@module("nn.TemporalSubSampling", rank=3, unbatched="only", sizes=lambda m: {2: len(m.weight())})
def temporal_sub_sampling(m: Module, x: Value, net: Lowering) -> Value:
    """The sum of every `kW` frames times a weight, plus a bias, feature by feature."""
    kernel = m.count("kW")
    image = net.reshape(x, (x.shape[0], 1, *x.shape[1:]), part="image")
    y = net.add(
        AveragePool(kernel_shape=(kernel, 1), strides=(m.count("dW", 1), 1), pads=(0, 0, 0, 0)),
        image,
        part="mean",
    )
    y = net.reshape(y, (y.shape[0], *y.shape[2:]), part="frames")
    scaled = net.add("Mul", y, net.weight(m.weight() * np.float32(kernel)), part="scaled")
    return net.add("Add", scaled, net.weight(m.weight("bias"), "bias"))


@module("nn.TemporalRowConvolution", rank=3, sizes=lambda m: {1 if m.flag("featFirst") else 2: len(m.weight())})
def temporal_row_convolution(m: Module, x: Value, net: Lowering) -> Value:
    """Convolve every feature over time with a kernel of its own; with featFirst x is (N, features, time)."""
    first = m.flag("featFirst")
    rows = x if first else net.add(Transpose(perm=(0, 2, 1)), x, part="rows")
    weight, bias = m.weight(), m.array("bias")
    image = net.reshape(rows, (*rows.shape[:2], 1, rows.shape[2]), part="image")
    y = net.add(
        Conv(
            kernel_shape=(1, m.count("kW")),
            strides=(1, m.count("dW", 1)),
            pads=(0, 0, 0, 0),
            dilations=(1, 1),
            group=weight.shape[0],
        ),
        image,
        net.weight(weight.reshape(weight.shape[0], 1, 1, -1)),
        None if bias is None else net.weight(bias, "bias"),
        part="convolved",
    )
    y = net.reshape(y, (*y.shape[:2], y.shape[3]), part="" if first else "features")
    return y if first else net.add(Transpose(perm=(0, 2, 1)), y)


@module("nn.TemporalDynamicKMaxPooling", rank=3, unbatched="taken")
def dynamic_k_max_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """The k largest frames in their order in time, feature by feature; only k = 1 is a maximum."""
    axis = x.rank - 2
    k = max(m.count("minK"), -int(-m.float("factor", 0.0) * x.shape[axis] // 1))
    if k == x.shape[axis]:
        return net.copy(x)
    if k == 1:
        return net.add(ReduceMax(axes=(axis,), keepdims=1), x)
    return net.refuse(
        f"gives the {k} largest of {x.shape[axis]} frames in their order in time, which depends on the numbers",
        "use a fixed pooling",
    )


refused(
    "nn.GroupKMaxPooling",
    "nn.KMaxPooling",
    "nn.TemporalKMaxPooling",
    reason="gives the k largest frames in their order in time, which depends on the numbers",
    advice="use a fixed pooling",
)
