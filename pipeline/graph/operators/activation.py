"""Activations: element by element, or (Softmax) along one axis. Each gives a value of its input's shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import check_broadcast_to, check_float, positive_axis
from pipeline.graph.operators.operator import Operator, operator
from pipeline.graph.values import Node, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


class Activation(Operator):
    """A function of each number."""

    def infer(self, x: Value) -> TensorType:
        check_float(x)
        return x.type


@dataclass(frozen=True, kw_only=True)
class AlongAxis(Activation):
    """A function of the numbers along one axis (opset 13)."""

    axis: int = -1

    def infer(self, x: Value) -> TensorType:
        positive_axis(self.axis, x.rank)
        return super().infer(x)

    def mixes(self, node: Node, axis: int) -> bool:
        return axis == positive_axis(self.axis, node.input(0).rank)


@operator
class Relu(Activation):
    """y = max(x, 0)."""

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.relu(x)


@operator
class LeakyRelu(Activation):
    """y = x where x >= 0, else alpha x."""

    alpha: float = 0.01

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.nn.functional.leaky_relu(x, self.alpha)


@operator
class PRelu(Operator):
    """y = x where x >= 0, else slope x; the slope is broadcast to x."""

    def infer(self, x: Value, slope: Value) -> TensorType:
        check_float(x, slope)
        check_broadcast_to("slope", slope, x.shape)
        return x.type

    def evaluate(self, x: Tensor, slope: Tensor) -> Tensor:
        return torch.where(x >= 0, x, slope * x)


@operator
class ThresholdedRelu(Activation):
    """y = x where x > alpha, else 0."""

    alpha: float = 1.0

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.where(x > self.alpha, x, 0.0)


@operator
class Elu(Activation):
    """y = x where x > 0, else alpha (exp(x) - 1)."""

    alpha: float = 1.0

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.nn.functional.elu(x, self.alpha)


@operator
class Selu(Activation):
    """y = gamma x where x > 0, else gamma alpha (exp(x) - 1)."""

    alpha: float = 1.6732632423543772
    gamma: float = 1.0507009873554805

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.nn.functional.elu(x, self.alpha) * self.gamma


@operator
class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x))."""

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x)


@operator
class HardSigmoid(Activation):
    """y = max(0, min(1, alpha x + beta))."""

    alpha: float = 0.2
    beta: float = 0.5

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.clamp(x * self.alpha + self.beta, 0, 1)


@operator
class Tanh(Activation):
    """y = tanh(x)."""

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.tanh(x)


@operator
class Softplus(Activation):
    """y = log(1 + exp(x)), which is x to the last bit of a float32 for x > 20."""

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.nn.functional.softplus(x, threshold=20)


@operator
class Softsign(Activation):
    """y = x / (1 + |x|)."""

    def evaluate(self, x: Tensor) -> Tensor:
        return x / (1 + x.abs())


@operator
class Clip(Activation):
    """y = min(max(x, min), max)."""

    min: float
    max: float

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.clamp(x, self.min, self.max)


@operator
class Softmax(AlongAxis):
    """y = exp(x) / sum of exp(x) along one axis."""

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.softmax(x, self.axis)


@operator
class LogSoftmax(AlongAxis):
    """y = log(Softmax(x)) along one axis."""

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.log_softmax(x, self.axis)


@operator
class Dropout(Operator):
    """y = x, as at inference; in training numbers become 0 with probability `ratio`, others are divided by 1 - ratio.

    It is kept for training the network further.
    """

    ratio: float = 0.5

    moves_only = True

    def infer(self, x: Value) -> TensorType:
        return x.type

    def evaluate(self, x: Tensor) -> Tensor:
        return x

    def is_identity(self, node: Node) -> bool:
        return True


@operator
class FeatureDropout(Dropout):
    """y = x, as at inference; in training whole feature maps are dropped, each the last `map_rank` axes."""

    map_rank: int = 2
