"""Normalisations: by stored statistics (BatchNormalization), the input's own, or its neighbours' (LRN)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import (
    check_broadcast_to,
    check_float,
    check_minimum_rank,
    check_shape,
    positive_axes,
    positive_axis,
)
from pipeline.graph.operators.operator import Ints, Operator, ShapeError, operator
from pipeline.graph.values import Node, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


@operator
class BatchNormalization(Operator):
    """y = (x - mean) / sqrt(var + epsilon) scale + b; each of the four is (C), axis 1 of x."""

    epsilon: float = 1e-5

    def infer(self, x: Value, scale: Value | None, b: Value | None, mean: Value, var: Value) -> TensorType:
        check_float(x, scale, b, mean, var)
        check_minimum_rank(x, 2)
        for what, value in (("scale", scale), ("b", b), ("mean", mean), ("var", var)):
            check_shape(what, value, (x.shape[1],))
        return x.type

    def evaluate(self, x: Tensor, scale: Tensor | None, b: Tensor | None, mean: Tensor, var: Tensor) -> Tensor:
        return _normalized(x, _column(mean, x), _column(var, x), scale, b, self.epsilon)


@operator
class InstanceNormalization(Operator):
    """y = (x - m) / sqrt(v + epsilon) scale + b, with m and v (biased) of each image and channel.

    scale and b are (C).
    """

    epsilon: float = 1e-5

    keeps_places = False

    def infer(self, x: Value, scale: Value | None = None, b: Value | None = None) -> TensorType:
        check_float(x, scale, b)
        check_minimum_rank(x, 3)
        check_shape("scale", scale, (x.shape[1],))
        check_shape("b", b, (x.shape[1],))
        return x.type

    def evaluate(self, x: Tensor, scale: Tensor | None = None, b: Tensor | None = None) -> Tensor:
        var, mean = torch.var_mean(x, tuple(range(2, x.ndim)), correction=0, keepdim=True)
        return _normalized(x, mean, var, scale, b, self.epsilon)

    def mixes(self, node: Node, axis: int) -> bool:
        return axis > 1


def _column(numbers: Tensor, x: Tensor) -> Tensor:
    """Return (C) numbers in a shape that can be broadcast along the channels of x."""
    return numbers.reshape(-1, *(1,) * (x.ndim - 2))


def _normalized(x: Tensor, mean: Tensor, var: Tensor, scale: Tensor | None, b: Tensor | None, epsilon: float) -> Tensor:
    # The mean is subtracted first, as Torch7 and Caffe do. PyTorch's batch_norm computes x a + (b - mean a), where
    # much is lost when the variance is small against the mean.
    factor = (var + epsilon).rsqrt()
    y = (x - mean).mul_(factor if scale is None else factor * _column(scale, x))
    return y if b is None else y.add_(_column(b, x))


@operator
class LayerNormalization(Operator):
    """y = (x - m) / sqrt(v + epsilon) scale + b, with m and v (biased) over the axes from `axis` on."""

    axis: int = -1
    epsilon: float = 1e-5

    keeps_places = False

    def infer(self, x: Value, scale: Value | None = None, b: Value | None = None) -> TensorType:
        check_float(x, scale, b)
        normalized = x.shape[positive_axis(self.axis, x.rank) :]
        for what, value in (("scale", scale), ("b", b)):
            if value is not None:
                check_broadcast_to(what, value, normalized)
        return x.type

    def evaluate(self, x: Tensor, scale: Tensor | None = None, b: Tensor | None = None) -> Tensor:
        y = torch.nn.functional.layer_norm(x, x.shape[self.axis :], eps=self.epsilon)
        y = y if scale is None else y * scale
        return y if b is None else y + b

    def mixes(self, node: Node, axis: int) -> bool:
        return axis >= positive_axis(self.axis, node.input(0).rank)


@operator
class LRN(Operator):
    """y = x / (bias + alpha / size * s) ** beta, with s the sum of squares over `size` neighbouring channels.

    If the size is even, the window has one more channel after than before.
    """

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    bias: float = 1.0

    def infer(self, x: Value) -> TensorType:
        check_float(x)
        check_minimum_rank(x, 2)
        if self.size < 1:
            raise ShapeError(f"a neighbourhood of {self.size} channels")
        return x.type

    def evaluate(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        squares = x.square()
        sums = squares.clone()
        for distance in range(1, min(self.size // 2, channels - 1) + 1):
            sums[:, :-distance] += squares[:, distance:]
            if distance <= (self.size - 1) // 2:
                sums[:, distance:] += squares[:, :-distance]
        return x / sums.mul_(self.alpha / self.size).add_(self.bias).pow_(self.beta)

    def multiply_adds(self, node: Node) -> int:
        return node.output.size * self.size

    def mixes(self, node: Node, axis: int) -> bool:
        return axis == 1


@operator
class LpNormalization(Operator):
    """y = x / the p-norm of x along an axis; 0 where that is 0."""

    axis: int = -1
    p: int = 2

    def infer(self, x: Value) -> TensorType:
        check_float(x)
        positive_axis(self.axis, x.rank)
        if self.p < 1:
            raise ShapeError(f"there is no {self.p}-norm")
        return x.type

    def evaluate(self, x: Tensor) -> Tensor:
        norm: Tensor = torch.linalg.vector_norm(x, self.p, self.axis, keepdim=True)
        return x / torch.where(norm != 0, norm, 1.0)

    def mixes(self, node: Node, axis: int) -> bool:
        return axis == positive_axis(self.axis, node.input(0).rank)


@operator
class MeanVarianceNormalization(Operator):
    """y = (x - m) / (s + 1e-9), with mean m and (biased) standard deviation s over `axes`."""

    axes: Ints = (0, 2, 3)

    keeps_places = False

    def infer(self, x: Value) -> TensorType:
        check_float(x)
        if not positive_axes(self.axes, x.rank):
            raise ShapeError("no axes to normalise over")
        return x.type

    def evaluate(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, self.axes, correction=0, keepdim=True)
        return (x - mean) / (variance.sqrt() + 1e-9)

    def mixes(self, node: Node, axis: int) -> bool:
        return axis in positive_axes(self.axes, node.input(0).rank)
