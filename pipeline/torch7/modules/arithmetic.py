"""Element-wise arithmetic with constants and parameters, and element-wise functions that are no activations."""

from __future__ import annotations

import numpy as np

from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.activation import in_place


@module("nn.MulConstant")
def mul_constant(m: Module, x: Value, net: Lowering) -> Value:
    """y = c x."""
    return in_place(m, x, net.add("Mul", x, net.constant(m.float("constant_scalar"))), net)


@module("nn.AddConstant")
def add_constant(m: Module, x: Value, net: Lowering) -> Value:
    """y = x + c; c is a number, or a vector along the last of at most two dimensions."""
    if isinstance(m.object.get("constant_scalar"), int | float):
        constant = net.constant(m.float("constant_scalar"))
    else:
        constant = net.weight(m.weight("constant_scalar"), "constant")
    return in_place(m, x, net.add("Add", x, constant), net)


def sample_sizes(m: Module, name: str) -> dict[int, int | None]:
    """Return the sizes that a parameter requires of a sample; if its first dimension is 1, of a batch."""
    shape = m.weight(name).shape
    batch = shape if shape[0] == 1 else (1, *shape)
    return {axis: size if size > 1 else None for axis, size in enumerate(batch) if axis}


def broadcast(array: np.ndarray, x: Value, net: Lowering) -> np.ndarray:
    """Return a parameter of CMul or CAdd in a shape for `x`: for each element, or each sample, or to be broadcast."""
    if array.size == x.size:
        return array.reshape(x.shape)
    if array.ndim == x.rank and all(ours in (1, size) for ours, size in zip(array.shape, x.shape, strict=True)):
        return array
    if x.rank and array.size == x.size // x.shape[0]:
        return array.reshape(x.shape[1:])
    if array.size == 1:
        return array.reshape(())
    return net.misfit(f"samples of {'x'.join(map(str, array.shape))}", x)


@module("nn.CMul", sizes=lambda m: sample_sizes(m, "weight"))
def cmul(m: Module, x: Value, net: Lowering) -> Value:
    """y = x * weight, element by element, broadcast over dimensions of 1 and the batch."""
    return net.add("Mul", x, net.weight(broadcast(m.weight(), x, net)))


@module("nn.CAdd", sizes=lambda m: sample_sizes(m, "bias"))
def cadd(m: Module, x: Value, net: Lowering) -> Value:
    """y = x + bias, element by element, broadcast as CMul."""
    return net.add("Add", x, net.weight(broadcast(m.weight("bias"), x, net), "bias"))


@module("nn.Mul")
def mul(m: Module, x: Value, net: Lowering) -> Value:
    """y = w x with one number w."""
    return net.add("Mul", x, net.weight(m.weight().reshape(-1)[:1].reshape(())))


@module("nn.Add", sizes=lambda m: {} if m.flag("scalar") else sample_sizes(m, "bias"))
def add(m: Module, x: Value, net: Lowering) -> Value:
    """y = x + bias: one number, or one for each element of a sample."""
    bias = m.weight("bias")
    if m.flag("scalar") or bias.size == 1:
        return net.add("Add", x, net.weight(bias.reshape(-1)[:1].reshape(()), "bias"))
    return net.add("Add", x, net.weight(broadcast(bias.reshape(-1), x, net), "bias"))


@module("nn.Abs")
def absolute(m: Module, x: Value, net: Lowering) -> Value:
    """y = |x|."""
    return net.add("Abs", x)


@module("nn.Square")
def square(m: Module, x: Value, net: Lowering) -> Value:
    """y = x^2."""
    return net.add("Mul", x, x)


@module("nn.Sqrt")
def square_root(m: Module, x: Value, net: Lowering) -> Value:
    """y = sqrt(x); `eps` is for the gradient only (Sqrt.c)."""
    return net.add("Sqrt", x)


@module("nn.Exp")
def exponential(m: Module, x: Value, net: Lowering) -> Value:
    """y = exp(x)."""
    return net.add("Exp", x)


@module("nn.Log")
def logarithm(m: Module, x: Value, net: Lowering) -> Value:
    """y = log(x)."""
    return net.add("Log", x)


@module("nn.Power")
def power(m: Module, x: Value, net: Lowering) -> Value:
    """y = x^pow."""
    exponent = m.float("pow")
    if exponent == 2:
        return net.add("Mul", x, x)
    return net.add("Pow", x, net.constant(exponent, "pow"))


@module(
    "nn.Contiguous",
    "nn.CopyGrad",
    "nn.GradientReversal",
    "nn.Identity",
    "nn.L1Penalty",
    "nn.NormStabilizer",
    "nn.PrintSize",
    "nn.TotalVariation",
)
def identity(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Return the input itself."""
    return x


@module("nn.Copy", "nn.ZeroGrad")
def copy(m: Module, x: Value, net: Lowering) -> Value:
    """A copy; a Copy between equal types, which keeps a function of its own, gives the input itself (Copy.lua)."""
    return x if "updateOutput" in m.object else net.copy(x)


@module("nn.Minus", "nn.Negate")
def minus(m: Module, x: Value, net: Lowering) -> Value:
    """y = -x (nnx)."""
    return net.add("Neg", x)


@module("nn.Constant")
def constant(m: Module, x: TorchValue, net: Lowering) -> Value:
    """The same tensor for every input, or for every sample of a batch (dpnn)."""
    value = m.weight("value")
    dims = m.maybe_int("nInputDim")
    if dims is not None and isinstance(x, Value) and (batch := net.current(x)).rank > dims:
        return net.add("Identity", repeated(value, batch.shape[0], net))
    return net.add("Identity", net.weight(np.ascontiguousarray(value), "value"))


def repeated(value: np.ndarray, count: int, net: Lowering) -> Value:
    """Return an array, repeated along a new first axis, as a constant."""
    shape = (count, *value.shape)
    return net.computed(shape, lambda: np.ascontiguousarray(np.broadcast_to(value, shape)), "value")
