"""Element-wise activations. Each gives a value of its input's type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.graph.operators.operator import operator
from pipeline.graph.values import TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


@operator("Relu")
class Relu:
    """y = max(x, 0)."""

    @staticmethod
    def infer(x: Value) -> TensorType:
        return x.type

    @staticmethod
    def evaluate(x: Tensor) -> Tensor:
        return torch.relu(x)


@operator("LeakyRelu")
class LeakyRelu:
    """y = x where x >= 0, else alpha x."""

    @staticmethod
    def infer(x: Value, *, alpha: float = 0.01) -> TensorType:
        return x.type

    @staticmethod
    def evaluate(x: Tensor, *, alpha: float) -> Tensor:
        return torch.nn.functional.leaky_relu(x, alpha)
