"""Activations: element by element, or (Softmax) along one axis. Each gives a value of its input's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import check_broadcast_to, check_float, positive_axis
from pipeline.graph.operators.operator import operator
from pipeline.graph.values import TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


def _same(x: Value) -> TensorType:
    check_float(x)
    return x.type


@operator("Relu")
class Relu:
    """y = max(x, 0)."""

    @staticmethod
    def infer(x: Value) -> TensorType:
        return _same(x)

    @staticmethod
    def evaluate(x: Tensor) -> Tensor:
        return torch.relu(x)


@operator("LeakyRelu")
class LeakyRelu:
    """y = x where x >= 0, else alpha x."""

    @staticmethod
    def infer(x: Value, *, alpha: float = 0.01) -> TensorType:
        return _same(x)

    @staticmethod
    def evaluate(x: Tensor, *, alpha: float) -> Tensor:
        return torch.nn.functional.leaky_relu(x, alpha)


@operator("PRelu")
class PRelu:
    """y = x where x >= 0, else slope x; the slope is broadcast to x."""

    @staticmethod
    def infer(x: Value, slope: Value) -> TensorType:
        check_float(x, slope)
        check_broadcast_to("slope", slope, x.shape)
        return x.type

    @staticmethod
    def evaluate(x: Tensor, slope: Tensor) -> Tensor:
        return torch.where(x >= 0, x, slope * x)


@operator("ThresholdedRelu")
class ThresholdedRelu:
    """y = x where x > alpha, else 0."""

    @staticmethod
    def infer(x: Value, *, alpha: float = 1.0) -> TensorType:
        return _same(x)

    @staticmethod
    def evaluate(x: Tensor, *, alpha: float) -> Tensor:
        return torch.where(x > alpha, x, 0.0)


@operator("Elu")
class Elu:
    """y = x where x > 0, else alpha (exp(x) - 1)."""

    @staticmethod
    def infer(x: Value, *, alpha: float = 1.0) -> TensorType:
        return _same(x)

    @staticmethod
    def evaluate(x: Tensor, *, alpha: float) -> Tensor:
        return torch.nn.functional.elu(x, alpha)


@operator("Selu")
class Selu:
    """y = gamma x where x > 0, else gamma alpha (exp(x) - 1)."""

    @staticmethod
    def infer(x: Value, *, alpha: float = 1.6732632423543772, gamma: float = 1.0507009873554805) -> TensorType:
        return _same(x)

    @staticmethod
    def evaluate(x: Tensor, *, alpha: float, gamma: float) -> Tensor:
        return torch.nn.functional.elu(x, alpha) * gamma


@operator("Sigmoid")
class Sigmoid:
    """y = 1 / (1 + exp(-x))."""

    @staticmethod
    def infer(x: Value) -> TensorType:
        return _same(x)

    @staticmethod
    def evaluate(x: Tensor) -> Tensor:
        return torch.sigmoid(x)


@operator("HardSigmoid")
class HardSigmoid:
    """y = max(0, min(1, alpha x + beta))."""

    @staticmethod
    def infer(x: Value, *, alpha: float = 0.2, beta: float = 0.5) -> TensorType:
        return _same(x)

    @staticmethod
    def evaluate(x: Tensor, *, alpha: float, beta: float) -> Tensor:
        return torch.clamp(x * alpha + beta, 0, 1)


@operator("Tanh")
class Tanh:
    """y = tanh(x)."""

    @staticmethod
    def infer(x: Value) -> TensorType:
        return _same(x)

    @staticmethod
    def evaluate(x: Tensor) -> Tensor:
        return torch.tanh(x)


@operator("Softplus")
class Softplus:
    """y = log(1 + exp(x)), which is x to the last bit of a float32 for x > 20."""

    @staticmethod
    def infer(x: Value) -> TensorType:
        return _same(x)

    @staticmethod
    def evaluate(x: Tensor) -> Tensor:
        return torch.nn.functional.softplus(x, threshold=20)


@operator("Softsign")
class Softsign:
    """y = x / (1 + |x|)."""

    @staticmethod
    def infer(x: Value) -> TensorType:
        return _same(x)

    @staticmethod
    def evaluate(x: Tensor) -> Tensor:
        return x / (1 + x.abs())


@operator("Clip")
class Clip:
    """y = min(max(x, min), max)."""

    @staticmethod
    def infer(x: Value, *, min: float, max: float) -> TensorType:
        return _same(x)

    @staticmethod
    def evaluate(x: Tensor, *, min: float, max: float) -> Tensor:
        return torch.clamp(x, min, max)


@operator("Softmax")
class Softmax:
    """y = exp(x) / sum of exp(x) along one axis (opset 13)."""

    @staticmethod
    def infer(x: Value, *, axis: int = -1) -> TensorType:
        positive_axis(axis, x.rank)
        return _same(x)

    @staticmethod
    def evaluate(x: Tensor, *, axis: int) -> Tensor:
        return torch.softmax(x, axis)


@operator("LogSoftmax")
class LogSoftmax:
    """y = log(Softmax(x)) along one axis (opset 13)."""

    @staticmethod
    def infer(x: Value, *, axis: int = -1) -> TensorType:
        positive_axis(axis, x.rank)
        return _same(x)

    @staticmethod
    def evaluate(x: Tensor, *, axis: int) -> Tensor:
        return torch.log_softmax(x, axis)


@operator("Dropout")
class Dropout:
    """y = x, as at inference; kept because a Caffe net names its layer."""

    @staticmethod
    def infer(x: Value, *, ratio: float = 0.5) -> TensorType:
        return x.type

    @staticmethod
    def evaluate(x: Tensor, *, ratio: float) -> Tensor:
        return x
