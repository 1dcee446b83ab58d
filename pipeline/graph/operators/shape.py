"""Operators that move numbers about and change none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import broadcast, common_dtype, positive_axes, positive_axis
from pipeline.graph.operators.operator import Ints, Operator, ShapeError, operator
from pipeline.graph.operators.windows import torch_padding
from pipeline.graph.values import Node, Shape, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")

ANY = ("float32", "int64", "bool")


class Moving(Operator):
    """The numbers of the input at other places. If the type does not change, it is the identity."""

    moves_only = True

    def is_identity(self, node: Node) -> bool:
        return len(node.outputs) == 1 and node.output.type == node.input(0).type


class Reshaping(Moving):
    """The same numbers in the same order in another shape. The operators differ only in how they express the shape."""

    keeps_places = False

    def reshaped(self, old: Shape) -> Shape:
        """Return the new shape for `old`. Raises ShapeError if that is impossible."""
        raise NotImplementedError

    def infer(self, x: Value) -> TensorType:
        return TensorType(self.reshaped(x.shape), x.dtype)

    def evaluate(self, x: Tensor) -> Tensor:
        return x.reshape(self.reshaped(tuple(x.shape)))


def reshaped(old: Shape, shape: Ints) -> Shape:
    """Return the new shape for `shape`, where 0 copies a size, and one -1 is inferred.

    >>> reshaped((2, 3, 4), (0, -1))
    (2, 12)
    """
    failure = ShapeError(f"shape {old} cannot become {shape}")
    if any(size == 0 and i >= len(old) for i, size in enumerate(shape)):
        raise failure
    sizes = [old[i] if size == 0 else size for i, size in enumerate(shape)]
    if sizes.count(-1) > 1 or any(size < -1 for size in sizes):
        raise failure
    if -1 in sizes:
        known = math.prod(size for size in sizes if size != -1)
        if known == 0:
            raise failure
        sizes[sizes.index(-1)] = math.prod(old) // known
    if math.prod(sizes) != math.prod(old):
        raise failure
    return tuple(sizes)


@operator
class Reshape(Reshaping):
    """The same numbers in another shape; 0 copies a size, -1 is inferred."""

    shape: Ints

    keeps_indices = True

    def reshaped(self, old: Shape) -> Shape:
        return reshaped(old, self.shape)


@operator
class Flatten(Reshaping):
    """Two axes: those before `axis`, and the others."""

    axis: int = 1

    def reshaped(self, old: Shape) -> Shape:
        axis = self.axis if self.axis == len(old) else positive_axis(self.axis, len(old))
        return math.prod(old[:axis]), math.prod(old[axis:])


@operator
class Transpose(Moving):
    """Axis i of the result is axis perm[i] of x."""

    perm: Ints

    keeps_places = False
    keeps_indices = True

    def infer(self, x: Value) -> TensorType:
        if sorted(self.perm) != list(range(x.rank)):
            raise ShapeError(f"{self.perm} is no permutation of the axes of {x.shape}")
        return TensorType(tuple(x.shape[axis] for axis in self.perm), x.dtype)

    def evaluate(self, x: Tensor) -> Tensor:
        return x.permute(self.perm).contiguous()

    def is_identity(self, node: Node) -> bool:
        return self.perm == tuple(range(len(self.perm)))


@operator
class Squeeze(Reshaping):
    """Drop `axes`, which have size 1."""

    axes: Ints

    keeps_indices = True

    def reshaped(self, old: Shape) -> Shape:
        gone = positive_axes(self.axes, len(old))
        if any(old[axis] != 1 for axis in gone):
            raise ShapeError(f"axes {self.axes} of {old} are not all of size 1")
        return tuple(size for axis, size in enumerate(old) if axis not in gone)


@operator
class Unsqueeze(Reshaping):
    """Insert axes of size 1, at the positions `axes` of the result."""

    axes: Ints

    keeps_indices = True

    def reshaped(self, old: Shape) -> Shape:
        rank = len(old) + len(self.axes)
        new, sizes = positive_axes(self.axes, rank), iter(old)
        return tuple(1 if axis in new else next(sizes) for axis in range(rank))


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
        dtype = common_dtype(*xs, allowed=ANY)
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


@operator
class DepthToSpace(Operator):
    """Channels become blocks of space; mode CRD takes them as (C, block, block), DCR as (block, block, C)."""

    blocksize: int
    mode: str

    moves_only = True
    keeps_places = False

    def infer(self, x: Value) -> TensorType:
        b = self.blocksize
        if x.rank != 4 or b < 1 or x.shape[1] % b**2 or self.mode not in ("CRD", "DCR"):
            raise ShapeError(f"blocks of {b} ({self.mode}) do not fit shape {x.shape}")
        n, c, h, w = x.shape
        return TensorType((n, c // b**2, h * b, w * b), x.dtype)

    def evaluate(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        b = self.blocksize
        if self.mode == "CRD":
            blocks = x.reshape(n, c // b**2, b, b, h, w).permute(0, 1, 4, 2, 5, 3)
        else:
            blocks = x.reshape(n, b, b, c // b**2, h, w).permute(0, 3, 4, 1, 5, 2)
        return blocks.reshape(n, c // b**2, h * b, w * b)


@operator
class SpaceToDepth(Operator):
    """Blocks of space become channels, in the order (block, block, C)."""

    blocksize: int

    moves_only = True
    keeps_places = False

    def infer(self, x: Value) -> TensorType:
        b = self.blocksize
        if x.rank != 4 or b < 1 or x.shape[2] % b or x.shape[3] % b:
            raise ShapeError(f"blocks of {b} do not fit shape {x.shape}")
        n, c, h, w = x.shape
        return TensorType((n, c * b**2, h // b, w // b), x.dtype)

    def evaluate(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        b = self.blocksize
        blocks = x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4)
        return blocks.reshape(n, c * b**2, h // b, w // b)
