"""Arithmetic, element by element; inputs of different shapes are broadcast as numpy does."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pipeline.graph.operators.checks import broadcast, check_float, common_dtype
from pipeline.graph.operators.operator import Operator, ShapeError, operator
from pipeline.graph.values import DTYPES, Node, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


class FloatUnary(Operator):
    """A function of each float: PyTorch's of this name."""

    def infer(self, x: Value) -> TensorType:
        check_float(x)
        return x.type

    def evaluate(self, x: Tensor) -> Tensor:
        result: Tensor = getattr(torch, self.name.lower())(x)
        return result


class Unary(FloatUnary):
    """A function of each number, integers included."""

    def infer(self, x: Value) -> TensorType:
        common_dtype(x)
        return x.type


class Binary(Operator):
    """A function of two inputs: PyTorch's of this name."""

    def infer(self, *xs: Value) -> TensorType:
        if len(xs) != 2:
            raise ShapeError(f"needs 2 inputs, not {len(xs)}")
        return TensorType(broadcast(*(x.shape for x in xs)), common_dtype(*xs))

    def evaluate(self, a: Tensor, b: Tensor) -> Tensor:
        result: Tensor = getattr(torch, self.name.lower())(a, b)
        return result


class Variadic(Operator):
    """A function of one or more inputs, which returns a single input unchanged."""

    variadic: ClassVar[bool] = True

    def infer(self, *xs: Value) -> TensorType:
        if not xs:
            raise ShapeError("needs one or more inputs")
        return TensorType(broadcast(*(x.shape for x in xs)), common_dtype(*xs))

    def is_identity(self, node: Node) -> bool:
        return len(node.inputs) == 1


@operator
class Abs(Unary):
    """y = |x|."""


@operator
class Neg(Unary):
    """y = -x."""


@operator
class Sign(Unary):
    """y = the sign of x: 1, 0 or -1."""


@operator
class Exp(FloatUnary):
    """y = exp(x)."""


@operator
class Log(FloatUnary):
    """y = log(x)."""


@operator
class Sqrt(FloatUnary):
    """y = x ** (1 / 2)."""


@operator
class Reciprocal(FloatUnary):
    """y = 1 / x."""


@operator
class Floor(FloatUnary):
    """y = the largest integer <= x."""


@operator
class Ceil(FloatUnary):
    """y = the smallest integer >= x."""


@operator
class Erf(FloatUnary):
    """y = the error function of x."""


@operator
class Add(Binary):
    """y = a + b."""

    commutes = True
    keeps_indices = True


@operator
class Sub(Binary):
    """y = a - b."""

    keeps_indices = True


@operator
class Mul(Binary):
    """y = a b."""

    commutes = True

    def fold(self, *constants: np.ndarray | None) -> np.ndarray | None:
        a, b = constants
        return None if a is None or b is None else np.asarray(a * b)


@operator
class Div(Binary):
    """y = a / b; of integers, rounded toward zero."""

    def evaluate(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.div(a, b, rounding_mode=None if a.is_floating_point() else "trunc")


@operator
class Pow(Binary):
    """y = a ** b."""


@operator
class Sum(Variadic):
    """y = the sum of the inputs."""

    def evaluate(self, *xs: Tensor) -> Tensor:
        return reduce(torch.add, xs)


@operator
class Max(Variadic):
    """y = the largest of the inputs."""

    def evaluate(self, *xs: Tensor) -> Tensor:
        return reduce(torch.maximum, xs)


@operator
class Min(Variadic):
    """y = the smallest of the inputs."""

    def evaluate(self, *xs: Tensor) -> Tensor:
        return reduce(torch.minimum, xs)


@operator
class Mean(Variadic):
    """y = the sum of the inputs / their number."""

    def infer(self, *xs: Value) -> TensorType:
        check_float(*xs)
        return super().infer(*xs)

    def evaluate(self, *xs: Tensor) -> Tensor:
        return reduce(torch.add, xs) / len(xs)


@operator
class Identity(Operator):
    """y = x, of any type."""

    moves_only = True
    keeps_indices = True

    def infer(self, x: Value) -> TensorType:
        return x.type

    def evaluate(self, x: Tensor) -> Tensor:
        return x

    def is_identity(self, node: Node) -> bool:
        return True


@operator
class Cast(Operator):
    """y = x as another element type: a number becomes an integer by truncation, a bool by x != 0."""

    to: str

    moves_only = True
    keeps_indices = True

    def infer(self, x: Value) -> TensorType:
        if self.to not in DTYPES:
            raise ShapeError(f"cannot cast {x.dtype} to {self.to!r}")
        return TensorType(x.shape, self.to)

    def evaluate(self, x: Tensor) -> Tensor:
        dtype: torch.dtype = getattr(torch, self.to)
        return x.to(dtype)

    def is_identity(self, node: Node) -> bool:
        return node.input(0).dtype == self.to
