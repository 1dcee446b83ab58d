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
from pipeline.graph.operators.operator import Ints, ShapeError, operator
from pipeline.graph.values import TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


@operator("BatchNormalization")
class BatchNormalization:
    """y = (x - mean) / sqrt(var + epsilon) scale + b; each of the four is (C), axis 1 of x."""

    @staticmethod
    def infer(
        x: Value, scale: Value | None, b: Value | None, mean: Value, var: Value, *, epsilon: float = 1e-5
    ) -> TensorType:
        check_float(x, scale, b, mean, var)
        check_minimum_rank(x, 2)
        for what, value in (("scale", scale), ("b", b), ("mean", mean), ("var", var)):
            check_shape(what, value, (x.shape[1],))
        return x.type

    @staticmethod
    def evaluate(
        x: Tensor, scale: Tensor | None, b: Tensor | None, mean: Tensor, var: Tensor, *, epsilon: float
    ) -> Tensor:
        return _normalized(x, _column(mean, x), _column(var, x), scale, b, epsilon)


@operator("InstanceNormalization")
class InstanceNormalization:
    """y = (x - m) / sqrt(v + epsilon) scale + b, with m and v (biased) of each image and channel.

    scale and b are (C).
    """

    @staticmethod
    def infer(x: Value, scale: Value | None = None, b: Value | None = None, *, epsilon: float = 1e-5) -> TensorType:
        check_float(x, scale, b)
        check_minimum_rank(x, 3)
        check_shape("scale", scale, (x.shape[1],))
        check_shape("b", b, (x.shape[1],))
        return x.type

    @staticmethod
    def evaluate(x: Tensor, scale: Tensor | None = None, b: Tensor | None = None, *, epsilon: float) -> Tensor:
        var, mean = torch.var_mean(x, tuple(range(2, x.ndim)), correction=0, keepdim=True)
        return _normalized(x, mean, var, scale, b, epsilon)


def _column(numbers: Tensor, x: Tensor) -> Tensor:
    """Give (C) numbers the shape in which they are broadcast along the channels of x."""
    return numbers.reshape(-1, *(1,) * (x.ndim - 2))


def _normalized(x: Tensor, mean: Tensor, var: Tensor, scale: Tensor | None, b: Tensor | None, epsilon: float) -> Tensor:
    # The mean is taken off first, as Torch7 and Caffe do. PyTorch's batch_norm computes x a + (b - mean a), where
    # much is lost when the variance is small against the mean.
    factor = (var + epsilon).rsqrt()
    y = (x - mean).mul_(factor if scale is None else factor * _column(scale, x))
    return y if b is None else y.add_(_column(b, x))


@operator("LayerNormalization")
class LayerNormalization:
    """y = (x - m) / sqrt(v + epsilon) scale + b, with m and v (biased) over the axes from `axis` on."""

    @staticmethod
    def infer(
        x: Value, scale: Value | None = None, b: Value | None = None, *, axis: int = -1, epsilon: float = 1e-5
    ) -> TensorType:
        check_float(x, scale, b)
        normalized = x.shape[positive_axis(axis, x.rank) :]
        for what, value in (("scale", scale), ("b", b)):
            if value is not None:
                check_broadcast_to(what, value, normalized)
        return x.type

    @staticmethod
    def evaluate(
        x: Tensor, scale: Tensor | None = None, b: Tensor | None = None, *, axis: int, epsilon: float
    ) -> Tensor:
        y = torch.nn.functional.layer_norm(x, x.shape[axis:], eps=epsilon)
        y = y if scale is None else y * scale
        return y if b is None else y + b


@operator("LRN")
class LRN:
    """y = x / (bias + alpha / size * s) ** beta, with s the sum of squares over `size` neighbouring channels.

    Of an even size, one channel more follows than precedes.
    """

    @staticmethod
    def infer(x: Value, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> TensorType:
        check_float(x)
        check_minimum_rank(x, 2)
        if size < 1:
            raise ShapeError(f"a neighbourhood of {size} channels")
        return x.type

    @staticmethod
    def evaluate(x: Tensor, *, size: int, alpha: float, beta: float, bias: float) -> Tensor:
        channels = x.shape[1]
        squares = x.square()
        sums = squares.clone()
        for distance in range(1, min(size // 2, channels - 1) + 1):
            sums[:, :-distance] += squares[:, distance:]
            if distance <= (size - 1) // 2:
                sums[:, distance:] += squares[:, :-distance]
        return x / sums.mul_(alpha / size).add_(bias).pow_(beta)


@operator("LpNormalization")
class LpNormalization:
    """y = x / the p-norm of x along an axis; 0 where that is 0."""

    @staticmethod
    def infer(x: Value, *, axis: int = -1, p: int = 2) -> TensorType:
        check_float(x)
        positive_axis(axis, x.rank)
        if p < 1:
            raise ShapeError(f"there is no {p}-norm")
        return x.type

    @staticmethod
    def evaluate(x: Tensor, *, axis: int, p: int) -> Tensor:
        norm: Tensor = torch.linalg.vector_norm(x, p, axis, keepdim=True)
        return x / torch.where(norm != 0, norm, 1.0)


@operator("MeanVarianceNormalization")
class MeanVarianceNormalization:
    """y = (x - m) / (s + 1e-9), with mean m and (biased) standard deviation s over `axes`."""

    @staticmethod
    def infer(x: Value, *, axes: Ints = (0, 2, 3)) -> TensorType:
        check_float(x)
        if not positive_axes(axes, x.rank):
            raise ShapeError("no axes to normalise over")
        return x.type

    @staticmethod
    def evaluate(x: Tensor, *, axes: Ints) -> Tensor:
        variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
        return (x - mean) / (variance.sqrt() + 1e-9)
