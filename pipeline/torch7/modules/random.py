"""Modules that draw random numbers: in evaluation most are the identity, the others are refused."""

from __future__ import annotations

from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module, refused
from pipeline.torch7.modules.activation import in_place


def never_random(m: Module, net: Lowering, field: str) -> None:
    """Refuse a module that draws its noise in evaluation too."""
    if m.flag(field):
        net.refuse(f"draws random numbers in evaluation ({field})", f"save it with {field} = false")


def scaled_by(m: Module, x: Value, net: Lowering, factor: float) -> Value:
    """Multiply with a constant, or give a copy where it is 1."""
    if factor == 1:
        return x if m.flag("inplace") else net.copy(x)
    return in_place(m, x, net.add("Mul", x, net.constant(factor, "factor")), net)


@module("nn.Dropout", "cudnn.Dropout")
def dropout(m: Module, x: Value, net: Lowering) -> Value:
    """In evaluation the identity; the first version, without v2, scales by 1 - p instead (Dropout.lua)."""
    never_random(m, net, "stochastic_inference")
    keeps = m.flag("v2") or m.kind == "cudnn.Dropout"
    return scaled_by(m, x, net, 1.0 if keeps else 1 - m.float("p", 0.5))


@module("nn.SpatialDropout", "nn.VolumetricDropout")
def spatial_dropout(m: Module, x: Value, net: Lowering) -> Value:
    """In evaluation y = (1 - p) x: these have no second version."""
    never_random(m, net, "stochastic_inference")
    return scaled_by(m, x, net, 1 - m.float("p", 0.5))


@module("nn.WhiteNoise")
def white_noise(m: Module, x: Value, net: Lowering) -> Value:
    """In evaluation y = x + mean."""
    mean = m.float("mean", 0.0)
    return net.add("Add", x, net.constant(mean, "mean")) if mean else net.copy(x)


@module("nn.SpatialRegionDropout", "nn.SimpleColorTransform", "nn.PCAColorTransform", "nn.TotalDropout")
def evaluated(m: Module, x: Value, net: Lowering) -> Value:
    """In evaluation a copy of the input (dpnn)."""
    return net.copy(x)


@module("nn.ReinforceBernoulli", "nn.ReinforceCategorical", "nn.ReinforceNormal")
def reinforce(m: Module, x: TorchValue, net: Lowering) -> Value:
    """In evaluation the most likely: the probabilities, or the mean of {mean, deviation} (dpnn)."""
    never_random(m, net, "stochastic")
    return net.copy(net.tensor(x[0] if isinstance(x, tuple) and len(x) == 2 else x))


refused(
    "nn.GenNoise",
    "nn.NoiseFill",
    reason="draws random noise in every forward pass",
    advice="replace it by an input of the network that takes the noise",
)
refused(
    "nn.SpatialFractionalMaxPooling",
    "nn.VolumetricFractionalMaxPooling",
    reason="draws its windows at random in every forward pass",
    advice="replace it by nn.SpatialAdaptiveMaxPooling",
)
refused("nn.Kmeans", reason="draws its centres at random at first, and gives the distances it learns from")
