"""Modules of fbnn and fbcunn that differ from those of nn with the same name, and some that nn does not have."""

from __future__ import annotations

from pipeline.graph.operators import Conv, ReduceL2
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.activation import prelu
from pipeline.torch7.modules.arithmetic import repeated
from pipeline.torch7.modules.linear import features, linear
from pipeline.torch7.modules.resizing import nearest
from pipeline.torch7.modules.temporal import convolve


@module(
    "fbnn.SpatialConvolution",
    "nn.SpatialConvolutionCuFFT",
    "nn.SpatialConvolutionFBFFT",
    "nn.SpatialConvolutionFBFFTGemm",
    "nn.SpatialConvolutionFFT",
    "nn.SpatialConvolutionFFTTiled",
    "nn.SpatialConvolutionFFTTiledAsync",
    "nn.SpatialConvolutionFFTTiledIterated",
    "nn.SpatialConvolutionFFTTiledSync",
    rank=4,
    sizes=lambda m: {1: m.weight().shape[1]},
)
def spatial_convolution(m: Module, x: Value, net: Lowering) -> Value:
    """A convolution, however it is computed; weight (out, in, kH, kW), padding padUp and padLeft on both sides."""
    weight, bias = m.weight(), m.array("bias")
    if weight.ndim != 4:
        net.damaged("a weight of 4 dimensions", str(weight.shape))
    pads = (m.int("padUp", m.int("padH", 0)), m.int("padLeft", m.int("padW", 0)))
    return net.add(
        Conv(
            kernel_shape=weight.shape[2:], strides=(m.count("dH", 1), m.count("dW", 1)), pads=pads * 2, dilations=(1, 1)
        ),
        x,
        net.weight(weight),
        None if bias is None else net.weight(bias, "bias"),
    )


@module("fbnn.LeakyReLU")
def leaky_relu(m: Module, x: Value, net: Lowering) -> TorchValue:
    """A PReLU with one slope."""
    return prelu(m, x, net)


@module("fbnn.Constant")
def constant(m: Module, x: Value, net: Lowering) -> Value:
    """The same tensor for every sample of a batch."""
    return net.add("Identity", repeated(m.weight("value"), x.shape[0], net))


@module("fbnn.NestedDropout", "fbnn.IndividualDropout", "fbnn.Probe", "nn.Probe")
def evaluated(m: Module, x: Value, net: Lowering) -> Value:
    """In evaluation a copy of the input."""
    return net.copy(x)


@module("fbnn.L2Normalize")
def l2_normalize(m: Module, x: Value, net: Lowering) -> Value:
    """x / |x| over the last of one or two dimensions."""
    if x.rank not in (1, 2):
        net.misfit("a tensor of 1 or 2 dimensions", x)
    return net.add("Div", x, net.add(ReduceL2(axes=(x.rank - 1,), keepdims=1), x, part="norm"))


@module("fbnn.NormalizedLinearNoBias", "nn.LinearNB", "nn.LinearNoBackprop", rank=2, sizes=features)
def evaluated_linear(m: Module, x: Value, net: Lowering) -> TorchValue:
    """In evaluation a Linear, whose bias may be missing."""
    return linear(m, x, net)


@module("nn.Upsample", rank=4)
def upsample(m: Module, x: Value, net: Lowering) -> Value:
    """Repeat every pixel `factor` times in both directions."""
    return nearest(x, net, (m.count("factor"),) * 2)


@module("nn.UnfoldedTemporalConvolution", rank=3)
def temporal_convolution(m: Module, x: Value, net: Lowering) -> Value:
    """A convolution over time with padding."""
    return convolve(m, x, net, m.count("kW"), 1, m.int("pad", 0))
