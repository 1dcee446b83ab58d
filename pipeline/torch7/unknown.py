"""Explains why a module of an unknown class is refused: what it resembles, and which networks are in it."""

from __future__ import annotations

from math import prod

from pipeline.torch7.module import Module
from pipeline.torch7.network import networks_within
from pipeline.torch7.objects import Tensor, TorchObject

_NAMED = 4  # networks in a module that are named
# Fields that every module may have, whatever its class.
_GENERIC = frozenset(("_type", "gradInput", "modules", "name", "output", "train"))


def unknown(m: Module) -> tuple[str, str]:
    """Return the reason why a module of an unknown class is refused, and advice."""
    kind = m.kind
    if kind.startswith("ccn2.") or kind.endswith("CUDA"):
        return "keeps its images as channels, height, width, batch (cuda-convnet)", "save it as nn.SpatialConvolution"
    if kind.startswith("autograd."):
        return (
            "runs a Lua function, of which the file has the bytecode only",
            "build it of nn modules, or lower it by a --plugin",
        )
    if m.is_loss:
        return "is a loss that is not known here", "--drop-loss leaves it out; or lower it by a --plugin"
    advice, alike = "lower it by a --plugin", resembled(m.object)
    if alike:
        advice += f'; if it computes what {alike} does, alias("{kind}", "{alike}") says so there'
    return "is a class that is not known here", with_networks(advice, m)


def with_networks(advice: str, m: Module) -> str:
    """Return the advice, extended by the networks in a module's fields that can be converted by themselves."""
    held = networks_within(m.object, m.path)
    if not held:
        return advice
    named = " or ".join(f"--root {path}" for path, _ in held[:_NAMED])
    more = f" (there are {len(held)})" if len(held) > _NAMED else ""
    return f"{advice}{'; or ' if advice else ''}convert a network that it holds: {named}{more}"


def resembled(found: TorchObject) -> str:
    """Return the known class whose fields, with matching shapes, an unknown module has; "" if there is none."""
    weight, bias = _shape(found, "weight"), _shape(found, "bias")
    window = [found.get(name) for name in ("nOutputPlane", "nInputPlane", "kH", "kW")]
    if weight and all(isinstance(size, int) and size > 0 for size in window):
        return "nn.SpatialConvolution" if prod(weight) == prod(window) and bias in ((), (window[0],)) else ""
    if len(weight) == 2 and bias == weight[:1] and "kW" not in found:
        return "nn.Linear"
    mean = _shape(found, "running_mean")
    if len(mean) == 1 and _shape(found, "running_var") == mean and weight in ((), mean):
        return "nn.SpatialBatchNormalization" if "Spatial" in found.class_name else "nn.BatchNormalization"
    runs_only = "modules" in found and set(found.fields) <= _GENERIC
    return "nn.Sequential" if runs_only and not networks_within(found) else ""


def _shape(found: TorchObject, name: str) -> tuple[int, ...]:
    value = found.get(name)
    return value.size if isinstance(value, Tensor) else ()
