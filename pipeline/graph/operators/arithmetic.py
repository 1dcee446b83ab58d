"""Arithmetic, element by element; inputs of different shapes are broadcast as numpy does."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import broadcast, check_float, common_dtype
from pipeline.graph.operators.operator import ShapeError, operator
from pipeline.graph.values import TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


class Unary:
    """Abs, Exp, ...: the PyTorch function `function` of each number."""

    def __init__(self, function: str, *, of_integers: bool = False) -> None:
        self.function = function
        self.of_integers = of_integers

    def infer(self, x: Value) -> TensorType:
        if self.of_integers:
            common_dtype(x)
        else:
            check_float(x)
        return x.type

    def evaluate(self, x: Tensor) -> Tensor:
        result: Tensor = getattr(torch, self.function)(x)
        return result


class Variadic:
    """Add, Sum, ...: the PyTorch function `function` folds any number (or exactly two) inputs."""

    def __init__(self, function: str, *, count: int | None = None) -> None:
        self.function = function
        self.count = count

    def infer(self, *xs: Value) -> TensorType:
        if len(xs) != self.count and (self.count or not xs):
            raise ShapeError(f"needs {self.count or 'one or more'} inputs, not {len(xs)}")
        return TensorType(broadcast(*(x.shape for x in xs)), common_dtype(*xs))

    def evaluate(self, *xs: Tensor) -> Tensor:
        result: Tensor = reduce(getattr(torch, self.function), xs)
        return result


for _name in ("Abs", "Neg", "Sign"):
    operator(_name)(Unary(_name.lower(), of_integers=True))
for _name in ("Exp", "Log", "Sqrt", "Reciprocal", "Floor", "Ceil", "Erf"):
    operator(_name)(Unary(_name.lower()))
for _name in ("Add", "Sub", "Mul", "Pow"):
    operator(_name)(Variadic(_name.lower(), count=2))
for _name, _function in (("Sum", "add"), ("Max", "maximum"), ("Min", "minimum")):
    operator(_name)(Variadic(_function))


@operator("Div")
class Div:
    """y = a / b; of integers, rounded toward zero."""

    @staticmethod
    def infer(a: Value, b: Value) -> TensorType:
        return TensorType(broadcast(a.shape, b.shape), common_dtype(a, b))

    @staticmethod
    def evaluate(a: Tensor, b: Tensor) -> Tensor:
        return torch.div(a, b, rounding_mode=None if a.is_floating_point() else "trunc")


@operator("Mean")
class Mean:
    """y = the sum of the inputs / their number."""

    @staticmethod
    def infer(*xs: Value) -> TensorType:
        if not xs:
            raise ShapeError("needs one or more inputs")
        check_float(*xs)
        return TensorType(broadcast(*(x.shape for x in xs)))

    @staticmethod
    def evaluate(*xs: Tensor) -> Tensor:
        return reduce(torch.add, xs) / len(xs)


@operator("Identity")
class Identity:
    """y = x, of any type."""

    @staticmethod
    def infer(x: Value) -> TensorType:
        return x.type

    @staticmethod
    def evaluate(x: Tensor) -> Tensor:
        return x


@operator("Cast")
class Cast:
    """y = x as another element type: a number becomes an integer by truncation, a bool by x != 0."""

    @staticmethod
    def infer(x: Value, *, to: str) -> TensorType:
        if to not in ("float32", "int64", "bool"):
            raise ShapeError(f"cannot cast {x.dtype} to {to!r}")
        return TensorType(x.shape, to)

    @staticmethod
    def evaluate(x: Tensor, *, to: str) -> Tensor:
        dtype: torch.dtype = getattr(torch, to)
        return x.to(dtype)
