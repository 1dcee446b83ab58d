"""Comparisons, which give bool, and what is done with bools. Inputs are broadcast."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pipeline.graph.operators.checks import broadcast, check_float, common_dtype
from pipeline.graph.operators.operator import Operator, operator
from pipeline.graph.values import DTYPES, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


class Comparison(Operator):
    """A bool for each pair of places of two inputs of one element type."""

    dtypes: ClassVar[tuple[str, ...]] = ("float32", "int64")  # the types that can be compared

    def infer(self, a: Value, b: Value) -> TensorType:
        common_dtype(a, b, allowed=self.dtypes)
        return TensorType(broadcast(a.shape, b.shape), "bool")


@operator
class Greater(Comparison):
    """y = a > b."""

    def evaluate(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.gt(a, b)


@operator
class GreaterOrEqual(Comparison):
    """y = a >= b."""

    def evaluate(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.ge(a, b)


@operator
class Less(Comparison):
    """y = a < b."""

    def evaluate(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.lt(a, b)


@operator
class Equal(Comparison):
    """y = a == b."""

    commutes = True
    dtypes = DTYPES

    def evaluate(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.eq(a, b)


@operator
class And(Comparison):
    """y = a and b."""

    commutes = True
    dtypes = ("bool",)

    def evaluate(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.logical_and(a, b)


@operator
class Or(Comparison):
    """y = a or b."""

    commutes = True
    dtypes = ("bool",)

    def evaluate(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.logical_or(a, b)


@operator
class Not(Operator):
    """y = not x."""

    def infer(self, x: Value) -> TensorType:
        common_dtype(x, allowed=("bool",))
        return x.type

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.logical_not(x)


@operator
class IsNaN(Operator):
    """y = x is NaN."""

    def infer(self, x: Value) -> TensorType:
        check_float(x)
        return TensorType(x.shape, "bool")

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.isnan(x)


@operator
class Where(Operator):
    """y = a where the condition holds, else b."""

    def infer(self, condition: Value, a: Value, b: Value) -> TensorType:
        common_dtype(condition, allowed=("bool",))
        dtype = common_dtype(a, b, allowed=DTYPES)
        return TensorType(broadcast(condition.shape, a.shape, b.shape), dtype)

    def evaluate(self, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return torch.where(condition, a, b)
