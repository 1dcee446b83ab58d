"""Comparisons, which give bool, and what is done with bools. Inputs are broadcast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import broadcast, check_float, common_dtype
from pipeline.graph.operators.operator import operator
from pipeline.graph.values import TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


class Compare:
    """Greater, And, ...: the PyTorch function `function` of two values whose type is one of `dtypes`."""

    def __init__(self, function: str, *dtypes: str) -> None:
        self.function = function
        self.dtypes = dtypes

    def infer(self, a: Value, b: Value) -> TensorType:
        common_dtype(a, b, allowed=self.dtypes)
        return TensorType(broadcast(a.shape, b.shape), "bool")

    def evaluate(self, a: Tensor, b: Tensor) -> Tensor:
        result: Tensor = getattr(torch, self.function)(a, b)
        return result


operator("Greater")(Compare("gt", "float32", "int64"))
operator("GreaterOrEqual")(Compare("ge", "float32", "int64"))
operator("Less")(Compare("lt", "float32", "int64"))
operator("Equal")(Compare("eq", "float32", "int64", "bool"))
operator("And")(Compare("logical_and", "bool"))
operator("Or")(Compare("logical_or", "bool"))


@operator("Not")
class Not:
    """y = not x."""

    @staticmethod
    def infer(x: Value) -> TensorType:
        common_dtype(x, allowed=("bool",))
        return x.type

    @staticmethod
    def evaluate(x: Tensor) -> Tensor:
        return torch.logical_not(x)


@operator("IsNaN")
class IsNaN:
    """y = whether x is not a number."""

    @staticmethod
    def infer(x: Value) -> TensorType:
        check_float(x)
        return TensorType(x.shape, "bool")

    @staticmethod
    def evaluate(x: Tensor) -> Tensor:
        return torch.isnan(x)


@operator("Where")
class Where:
    """y = a where the condition holds, else b."""

    @staticmethod
    def infer(condition: Value, a: Value, b: Value) -> TensorType:
        common_dtype(condition, allowed=("bool",))
        dtype = common_dtype(a, b, allowed=("float32", "int64", "bool"))
        return TensorType(broadcast(condition.shape, a.shape, b.shape), dtype)

    @staticmethod
    def evaluate(condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return torch.where(condition, a, b)
