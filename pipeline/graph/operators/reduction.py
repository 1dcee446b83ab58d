"""Reductions along axes, and the search for the largest along one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import check_float, common_dtype, positive_axes, positive_axis
from pipeline.graph.operators.operator import Ints, Operator, ShapeError, operator
from pipeline.graph.values import Shape, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


def reduced_shape(x: Value, axes: Ints, keepdims: int) -> Shape:
    """Return the shape after reducing `axes`, which become 1 or (keepdims=0) vanish."""
    gone = positive_axes(axes, x.rank)
    if not gone:
        raise ShapeError(f"no axes to reduce of shape {x.shape}")
    if keepdims:
        return tuple(1 if axis in gone else size for axis, size in enumerate(x.shape))
    return tuple(size for axis, size in enumerate(x.shape) if axis not in gone)


@dataclass(frozen=True, kw_only=True)
class Reduction(Operator):
    """One number for all along `axes`, which become 1 or (keepdims=0) vanish."""

    axes: Ints
    keepdims: int = 1

    def infer(self, x: Value) -> TensorType:
        check_float(x)
        return self.reduced(x)

    def reduced(self, x: Value) -> TensorType:
        """Return the type of x after the reduction."""
        return TensorType(reduced_shape(x, self.axes, self.keepdims), x.dtype)

    @property
    def keepdim(self) -> bool:
        """Whether the axes become 1, as PyTorch calls it."""
        return bool(self.keepdims)


class AnyReduction(Reduction):
    """A reduction of floats or integers."""

    def infer(self, x: Value) -> TensorType:
        common_dtype(x)
        return self.reduced(x)


@operator
class ReduceSum(AnyReduction):
    """The sum."""

    def evaluate(self, x: Tensor) -> Tensor:
        return x.sum(self.axes, keepdim=self.keepdim)


@operator
class ReduceMean(Reduction):
    """The mean."""

    def evaluate(self, x: Tensor) -> Tensor:
        return x.mean(self.axes, keepdim=self.keepdim)


@operator
class ReduceMax(AnyReduction):
    """The maximum."""

    def evaluate(self, x: Tensor) -> Tensor:
        return x.amax(self.axes, keepdim=self.keepdim)


@operator
class ReduceMin(AnyReduction):
    """The minimum."""

    def evaluate(self, x: Tensor) -> Tensor:
        return x.amin(self.axes, keepdim=self.keepdim)


@operator
class ReduceProd(AnyReduction):
    """The product."""

    def evaluate(self, x: Tensor) -> Tensor:
        for axis in sorted(positive_axes(self.axes, x.ndim), reverse=True):
            x = x.prod(axis, keepdim=self.keepdim)
        return x


@operator
class ReduceL1(Reduction):
    """The 1-norm."""

    def evaluate(self, x: Tensor) -> Tensor:
        norm: Tensor = torch.linalg.vector_norm(x, 1, self.axes, keepdim=self.keepdim)
        return norm


@operator
class ReduceL2(Reduction):
    """The 2-norm."""

    def evaluate(self, x: Tensor) -> Tensor:
        norm: Tensor = torch.linalg.vector_norm(x, 2, self.axes, keepdim=self.keepdim)
        return norm


@operator
class ReduceSumSquare(Reduction):
    """The sum of squares."""

    def evaluate(self, x: Tensor) -> Tensor:
        return x.square().sum(self.axes, keepdim=self.keepdim)


@operator
class ReduceLogSumExp(Reduction):
    """log(sum(exp(x)))."""

    def evaluate(self, x: Tensor) -> Tensor:
        return x.logsumexp(self.axes, keepdim=self.keepdim)


@dataclass(frozen=True, kw_only=True)
class Search(Operator):
    """The index (int64) of the first of several equal numbers along an axis."""

    axis: int = 0
    keepdims: int = 1

    def infer(self, x: Value) -> TensorType:
        common_dtype(x)
        return TensorType(reduced_shape(x, (self.axis,), self.keepdims), "int64")


@operator
class ArgMax(Search):
    """The index of the maximum."""

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.argmax(x, self.axis, keepdim=bool(self.keepdims))


@operator
class ArgMin(Search):
    """The index of the minimum."""

    def evaluate(self, x: Tensor) -> Tensor:
        return torch.argmin(x, self.axis, keepdim=bool(self.keepdims))


@operator
class TopK(Operator):
    """The k largest (or smallest) numbers along an axis in falling (rising) order, and their indices (int64).

    Equal numbers are in the order of their indices.
    """

    k: int
    axis: int = -1
    largest: int = 1

    keeps_places = False

    def infer(self, x: Value) -> tuple[TensorType, TensorType]:
        common_dtype(x)
        axis = positive_axis(self.axis, x.rank)
        if not 1 <= self.k <= x.shape[axis]:
            raise ShapeError(f"axis {axis} of {x.shape} has no {self.k} elements")
        shape = (*x.shape[:axis], self.k, *x.shape[axis + 1 :])
        return TensorType(shape, x.dtype), TensorType(shape, "int64")

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        values, indices = torch.sort(x, dim=self.axis, descending=bool(self.largest), stable=True)
        return values.narrow(self.axis, 0, self.k).contiguous(), indices.narrow(self.axis, 0, self.k).contiguous()
