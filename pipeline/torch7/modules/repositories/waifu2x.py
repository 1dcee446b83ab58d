"""waifu2x (nagadomi/waifu2x). Read: lib/*.lua, of which srcnn.lua builds the networks."""

from __future__ import annotations

from pipeline.graph.operators import Clip, LeakyRelu
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.arithmetic import identity
from pipeline.torch7.modules.convolution import spatial_convolution
from pipeline.torch7.modules.table import alike, alike_pair, item_of

module("w2nn.EdgeFilter", "w2nn.RandomBinaryConvolution", rank=4)(spatial_convolution)
module("w2nn.PrintTable")(identity)


@module("w2nn.InplaceClip01")
def clip(m: Module, x: Value, net: Lowering) -> Value:
    """Cut x to [0, 1], in the memory of x."""
    return net.overwrite(x, net.add(Clip(min=0.0, max=1.0), x))


@module("w2nn.LeakyReLU")
def leaky_relu(m: Module, x: Value, net: Lowering) -> Value:
    """y = x where x > 0, else negative_scale x."""
    return net.add(LeakyRelu(alpha=m.float("negative_scale", 0.333)), x)


@module("w2nn.GradWeight", "w2nn.Print")
def copy(m: Module, x: Value, net: Lowering) -> Value:
    """A copy of the input."""
    return net.copy(x)


@module("w2nn.ScaleTable")
def scale(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Images (N, C, H, W) times numbers (N, C, 1, 1)."""
    images, factors = alike_pair(x, net)
    if images.rank != 4 or factors.shape != (*images.shape[:2], 1, 1):
        net.misfit("images and one number for each of their channels", x)
    return net.add("Mul", images, factors)


@module("w2nn.AuxiliaryLossTable")
def auxiliary_loss(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """In evaluation a copy of the item `i`, in the shape of the first."""
    return net.copy(alike((x[0], item_of(x, m.int("i", 1), net)), net)[1])


@module("w2nn.ShakeShakeTable")
def shake_shake(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """In evaluation the sum of two."""
    return net.add("Add", *alike(x, net, 2))
