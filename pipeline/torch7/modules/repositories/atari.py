"""Deep Q-networks (kuz/DeepMind-Atari-Deep-Q-Learner, Kaixhin/Atari). Read: dqn/Rectifier.lua; modules/*.lua."""

from __future__ import annotations

from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module
from pipeline.torch7.modules.activation import threshold
from pipeline.torch7.modules.arithmetic import identity

module("nn.GradientRescale")(identity)
module("nn.DeconvnetReLU", "nn.GuidedReLU")(threshold)


@module("nn.Rectifier")
def rectifier(m: Module, x: Value, net: Lowering) -> Value:
    """y = (|x| + x) / 2 (deep Q-networks)."""
    return net.add("Relu", x)


@module("nn.MinDim")
def least_dimensions(m: Module, x: Value, net: Lowering) -> Value:
    """The input itself, which must have `numInputDims` dimensions: Torch gives it one more for all who hold it."""
    if x.rank < m.int("numInputDims"):
        net.misfit(f"a tensor of {m.int('numInputDims')} dimensions", x)
    return x
