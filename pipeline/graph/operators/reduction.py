"""Reductions along axes, and the search for the largest along one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import check_float, common_dtype, positive_axes, positive_axis
from pipeline.graph.operators.operator import Ints, ShapeError, operator
from pipeline.graph.values import Shape, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


def reduced_shape(x: Value, axes: Ints, keepdims: int) -> Shape:
    """Give the shape after reducing `axes`, which become 1 or (keepdims=0) vanish."""
    gone = positive_axes(axes, x.rank)
    if not gone:
        raise ShapeError(f"no axes to reduce of shape {x.shape}")
    if keepdims:
        return tuple(1 if axis in gone else size for axis, size in enumerate(x.shape))
    return tuple(size for axis, size in enumerate(x.shape) if axis not in gone)


class Reduction:
    """ReduceSum, ...: `reduce(x, axes, keep)` with PyTorch."""

    def __init__(self, reduce: Callable[[Tensor, Ints, bool], Tensor], *, of_integers: bool = False) -> None:
        self.reduce = reduce
        self.of_integers = of_integers

    def infer(self, x: Value, *, axes: Ints, keepdims: int = 1) -> TensorType:
        if self.of_integers:
            common_dtype(x)
        else:
            check_float(x)
        return TensorType(reduced_shape(x, axes, keepdims), x.dtype)

    def evaluate(self, x: Tensor, *, axes: Ints, keepdims: int) -> Tensor:
        return self.reduce(x, axes, bool(keepdims))


def _product(x: Tensor, axes: Ints, keep: bool) -> Tensor:
    for axis in sorted(positive_axes(axes, x.ndim), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


def _norm(p: int) -> Callable[[Tensor, Ints, bool], Tensor]:
    return lambda x, axes, keep: torch.linalg.vector_norm(x, p, axes, keepdim=keep)


operator("ReduceSum")(Reduction(lambda x, axes, keep: x.sum(axes, keepdim=keep), of_integers=True))
operator("ReduceMean")(Reduction(lambda x, axes, keep: x.mean(axes, keepdim=keep)))
operator("ReduceMax")(Reduction(lambda x, axes, keep: x.amax(axes, keepdim=keep), of_integers=True))
operator("ReduceMin")(Reduction(lambda x, axes, keep: x.amin(axes, keepdim=keep), of_integers=True))
operator("ReduceProd")(Reduction(_product, of_integers=True))
operator("ReduceL1")(Reduction(_norm(1)))
operator("ReduceL2")(Reduction(_norm(2)))
operator("ReduceSumSquare")(Reduction(lambda x, axes, keep: x.square().sum(axes, keepdim=keep)))
operator("ReduceLogSumExp")(Reduction(lambda x, axes, keep: x.logsumexp(axes, keepdim=keep)))


class Search:
    """ArgMax and ArgMin: the index (int64) of the first of the largest or smallest along an axis."""

    def __init__(self, function: str) -> None:
        self.function = function

    def infer(self, x: Value, *, axis: int = 0, keepdims: int = 1) -> TensorType:
        common_dtype(x)
        return TensorType(reduced_shape(x, (axis,), keepdims), "int64")

    def evaluate(self, x: Tensor, *, axis: int, keepdims: int) -> Tensor:
        result: Tensor = getattr(torch, self.function)(x, axis, keepdim=bool(keepdims))
        return result


operator("ArgMax")(Search("argmax"))
operator("ArgMin")(Search("argmin"))


@operator("TopK")
class TopK:
    """The k largest (or smallest) along an axis in falling (rising) order, and where they stand (int64).

    Of equal numbers the first comes first.
    """

    @staticmethod
    def infer(x: Value, *, k: int, axis: int = -1, largest: int = 1) -> tuple[TensorType, TensorType]:
        common_dtype(x)
        axis = positive_axis(axis, x.rank)
        if not 1 <= k <= x.shape[axis]:
            raise ShapeError(f"axis {axis} of {x.shape} has no {k} elements")
        shape = (*x.shape[:axis], k, *x.shape[axis + 1 :])
        return TensorType(shape, x.dtype), TensorType(shape, "int64")

    @staticmethod
    def evaluate(x: Tensor, *, k: int, axis: int, largest: int) -> tuple[Tensor, Tensor]:
        values, indices = torch.sort(x, dim=axis, descending=bool(largest), stable=True)
        return values.narrow(axis, 0, k).contiguous(), indices.narrow(axis, 0, k).contiguous()
