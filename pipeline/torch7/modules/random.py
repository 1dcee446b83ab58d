"""Modules that draw random numbers: in evaluation most are the identity, the others are refused."""

from __future__ import annotations

from pipeline.graph.operators import Dropout, FeatureDropout
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module, refused
from pipeline.torch7.modules.activation import in_place


def never_random(m: Module, net: Lowering, field: str) -> None:
    """Raise UnsupportedError if the module adds noise in evaluation, too."""
    if m.flag(field):
        net.refuse(f"draws random numbers in evaluation ({field})", f"save it with {field} = false")


def dropped(m: Module, x: Value, net: Lowering, operator: Dropout, factor: float) -> Value:
    """Return x after dropout, times a factor. Dropout of the graph divides by 1 - p in training, as version 2 does."""
    if factor != 1:
        left = net.add(operator, x, part="dropped")
        return in_place(m, x, net.add("Mul", left, net.constant(factor, "factor")), net)
    y = net.add(operator, x)
    return net.alias(y, x, lambda base: base, lambda _, new: new) if m.flag("inplace") else y


def probability(m: Module) -> float:
    """Return p, or 0 unless 0 <= p < 1, which Torch7 itself requires."""
    p = m.float("p", 0.5)
    return p if 0 <= p < 1 else 0.0


@module("nn.Dropout", "cudnn.Dropout")
def dropout(m: Module, x: Value, net: Lowering) -> Value:
    """In evaluation the identity; the first version, without v2, scales by 1 - p instead (Dropout.lua)."""
    never_random(m, net, "stochastic_inference")
    keeps = m.flag("v2") or m.kind == "cudnn.Dropout"
    return dropped(m, x, net, Dropout(ratio=probability(m)), 1.0 if keeps else 1 - m.float("p", 0.5))


@module("nn.SpatialDropout", "nn.VolumetricDropout")
def spatial_dropout(m: Module, x: Value, net: Lowering) -> Value:
    """In evaluation y = (1 - p) x: these have no second version. In training they drop whole feature maps."""
    never_random(m, net, "stochastic_inference")
    maps = FeatureDropout(ratio=probability(m), map_rank=2 if m.kind == "nn.SpatialDropout" else 3)
    return dropped(m, x, net, maps, 1 - m.float("p", 0.5))


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
