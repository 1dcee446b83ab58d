"""Operators that move numbers about and change none: they join, cut, repeat, pad and look up along axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import broadcast, common_dtype, positive_axes, positive_axis
from pipeline.graph.operators.operator import Ints, Operator, ShapeError, operator
from pipeline.graph.operators.shape import Moving
from pipeline.graph.operators.windows import torch_padding
from pipeline.graph.values import DTYPES, Node, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


@operator
class Concat(Operator):
    """The inputs joined along `axis`."""

    axis: int

    moves_only = True
    keeps_indices = True
    variadic = True

    def infer(self, *xs: Value) -> TensorType:
        if not xs:
            raise ShapeError("needs one or more inputs")
        dtype = common_dtype(*xs, allowed=DTYPES)
        first = xs[0].shape
        axis = positive_axis(self.axis, len(first))
        others = {(*x.shape[:axis], *x.shape[axis + 1 :]) for x in xs}
        if len(others) > 1 or len({x.rank for x in xs}) > 1:
            shapes = ", ".join(str(x.shape) for x in xs)
            raise ShapeError(f"shapes {shapes} differ in more than axis {axis}")
        return TensorType((*first[:axis], sum(x.shape[axis] for x in xs), *first[axis + 1 :]), dtype)

    def evaluate(self, *xs: Tensor) -> Tensor:
        return torch.cat(xs, self.axis)

    def is_identity(self, node: Node) -> bool:
        return len(node.inputs) == 1


@operator
class Split(Moving):
    """Pieces of sizes `split` along `axis`."""

    split: Ints
    axis: int = 0

    keeps_indices = True

    def infer(self, x: Value) -> tuple[TensorType, ...]:
        axis = positive_axis(self.axis, x.rank)
        if not self.split or min(self.split) < 0 or sum(self.split) != x.shape[axis]:
            raise ShapeError(f"axis {axis} of {x.shape} does not split into {self.split}")
        before, after = x.shape[:axis], x.shape[axis + 1 :]
        return tuple(TensorType((*before, size, *after), x.dtype) for size in self.split)

    def evaluate(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.split(x, list(self.split), self.axis))


def slice_bounds(size: int, start: int, end: int) -> tuple[int, int]:
    """Return start and end clipped to an axis. Negative ones count from its end.

    >>> slice_bounds(10, -3, 2**40)
    (7, 10)
    """
    first, last, _ = slice(start, end).indices(size)
    return first, max(first, last)


@operator
class Slice(Moving):
    """x[..., start:end, ...] along each of `axes`, in steps of 1."""

    starts: Ints
    ends: Ints
    axes: Ints

    keeps_indices = True

    def infer(self, x: Value) -> TensorType:
        if not len(self.starts) == len(self.ends) == len(self.axes):
            raise ShapeError(f"starts {self.starts}, ends {self.ends} and axes {self.axes} are not equally many")
        sizes = list(x.shape)
        for axis, start, end in zip(positive_axes(self.axes, x.rank), self.starts, self.ends, strict=True):
            first, last = slice_bounds(sizes[axis], start, end)
            sizes[axis] = last - first
        return TensorType(tuple(sizes), x.dtype)

    def evaluate(self, x: Tensor) -> Tensor:
        for axis, start, end in zip(self.axes, self.starts, self.ends, strict=True):
            first, last = slice_bounds(x.shape[axis], start, end)
            x = x.narrow(axis, first, last - first)
        return x


@operator
class Expand(Moving):
    """x broadcast with a value of `shape`."""

    shape: Ints

    def infer(self, x: Value) -> TensorType:
        if any(size < 0 for size in self.shape):
            raise ShapeError(f"shape {x.shape} cannot become {self.shape}")
        return TensorType(broadcast(x.shape, self.shape), x.dtype)

    def evaluate(self, x: Tensor) -> Tensor:
        return x.expand(broadcast(tuple(x.shape), self.shape))


@operator
class Tile(Moving):
    """x, repeats[i] times along each axis i."""

    repeats: Ints

    def infer(self, x: Value) -> TensorType:
        if len(self.repeats) != x.rank or any(count < 0 for count in self.repeats):
            raise ShapeError(f"repeats {self.repeats} do not fit shape {x.shape}")
        return TensorType(tuple(n * count for n, count in zip(x.shape, self.repeats, strict=True)), x.dtype)

    def evaluate(self, x: Tensor) -> Tensor:
        return x.repeat(self.repeats)


@operator
class Pad(Moving):
    """x with `pads` more places at the beginning and the end of every axis; negative ones crop.

    The new places are `value` (constant), the nearest number (edge), or x mirrored at its border, which is
    not repeated (reflect).
    """

    pads: Ints
    mode: str = "constant"
    value: float = 0.0

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The pads at the beginning and at the end of each axis."""
        axes = len(self.pads) // 2
        return tuple(zip(self.pads[:axes], self.pads[axes:], strict=True))

    def infer(self, x: Value) -> TensorType:
        if self.mode not in ("constant", "reflect", "edge") or len(self.pads) != 2 * x.rank:
            raise ShapeError(f"pads {self.pads} in mode {self.mode!r} do not fit shape {x.shape}")
        for size, (begin, end) in zip(x.shape, self.pairs, strict=True):
            if min(begin, end, begin + end) < -size or (self.mode != "constant" and size == 0):
                raise ShapeError(f"shape {x.shape} is too small for pads {self.pads} ({self.mode})")
        return TensorType(tuple(n + sum(pair) for n, pair in zip(x.shape, self.pairs, strict=True)), x.dtype)

    def evaluate(self, x: Tensor) -> Tensor:
        if self.mode == "constant":
            return torch.nn.functional.pad(x, torch_padding(self.pads), value=self.value)
        for axis, (begin, end) in enumerate(self.pairs):
            if begin or end:
                places = torch.arange(-begin, x.shape[axis] + end)
                x = x.index_select(axis, _nearest(places, x.shape[axis] - 1, self.mode))
        return x

    def is_identity(self, node: Node) -> bool:
        return not any(self.pads)


def _nearest(places: Tensor, last: int, mode: str) -> Tensor:
    """Map places outside 0..last into it: to its ends (edge), or by mirroring as often as needed (reflect)."""
    if mode == "edge":
        return places.clamp(0, last)
    period = max(2 * last, 1)
    around = places.remainder(period)
    return torch.minimum(around, period - around)


@operator
class Gather(Operator):
    """The slices of x along `axis` at `indices` (int64, from 0)."""

    axis: int = 0

    moves_only = True
    keeps_places = False

    def infer(self, x: Value, indices: Value) -> TensorType:
        common_dtype(indices, allowed=("int64",))
        axis = positive_axis(self.axis, x.rank)
        return TensorType((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)

    def evaluate(self, x: Tensor, indices: Tensor) -> Tensor:
        axis = self.axis % x.ndim
        shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
        return x.index_select(axis, indices.reshape(-1)).reshape(shape)

    def index_rows(self, node: Node) -> Mapping[str, int]:
        return {node.input(1).name: node.input(0).shape[self.axis]}


@operator
class OneHot(Operator):
    """1 at the index, 0 elsewhere, along a new last axis of size `depth`; all 0 for an index out of range."""

    depth: int

    moves_only = True

    def infer(self, indices: Value) -> TensorType:
        common_dtype(indices, allowed=("int64",))
        if self.depth < 1:
            raise ShapeError(f"a depth of {self.depth}")
        return TensorType((*indices.shape, self.depth))

    def evaluate(self, indices: Tensor) -> Tensor:
        return (indices.unsqueeze(-1) == torch.arange(self.depth)).float()

    def index_rows(self, node: Node) -> Mapping[str, int]:
        return {node.input(0).name: self.depth}
