"""mc-cnn (jzbontar/mc-cnn): stereo matching.

Read: Normalize2.lua and adcensus.cu, SpatialConvolution1_fw.lua, StereoJoin1.lua, SpatialLogSoftMax.{lua,cu}.
"""

from __future__ import annotations

from pipeline.graph.operators import Conv, ReduceSum, ReduceSumSquare
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module, refused


@module("nn.Normalize2", rank=4, unbatched="refused")
def normalize(m: Module, x: Value, net: Lowering) -> Value:
    """x / sqrt(sum x^2 + 1e-5) over the channels (mc-cnn)."""
    squares = net.add(ReduceSumSquare(axes=(1,), keepdims=1), x, part="squares")
    norm = net.add("Sqrt", net.add("Add", squares, net.constant(1e-5, "eps"), part="squares_eps"), part="norm")
    return net.add("Div", x, norm)


@module("nn.SpatialConvolution1_fw", rank=4, unbatched="refused")
def pixel_convolution(m: Module, x: Value, net: Lowering) -> Value:
    """A linear map of the channels at every pixel: a convolution of 1 x 1 (mc-cnn)."""
    weight = m.weight()
    one = Conv(kernel_shape=(1, 1), strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1))
    bias = net.weight(m.weight("bias").reshape(-1), "bias")
    return net.add(one, x, net.weight(weight.reshape(*weight.shape, 1, 1)), bias)


@module("nn.StereoJoin1", rank=4, unbatched="refused")
def stereo_join(m: Module, x: Value, net: Lowering) -> Value:
    """The sum over the channels of every odd image times the even one behind it (mc-cnn)."""
    if x.shape[0] % 2:
        net.misfit("an even number of images", x)
    pairs = net.reshape(x, (x.shape[0] // 2, 2, *x.shape[1:]), part="pairs")
    left, right = (net.select(pairs, 1, i, part=name) for i, name in enumerate(("left", "right")))
    return net.add(ReduceSum(axes=(1,), keepdims=1), net.add("Mul", left, right, part="product"))


refused(
    "nn.StereoJoin",
    reason="is a CUDA kernel that its repository no longer has",
    advice="cut the network before it",
)


@module("nn.SpatialLogSoftMax", where=lambda m: m.flag("constant_present"))
def softmax_with_constant(m: Module, x: Value, net: Lowering) -> Value:
    """Refused: adds a constant to the sum of exponentials after the largest was taken off (mc-cnn)."""
    net.refuse("adds a constant to its sum of exponentials (mc-cnn)", "lower it by a --plugin")
