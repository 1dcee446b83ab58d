"""Operators that move numbers about and change none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import broadcast, common_dtype, positive_axes, positive_axis
from pipeline.graph.operators.convolution import torch_padding
from pipeline.graph.operators.operator import Ints, ShapeError, operator
from pipeline.graph.values import Shape, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")

ANY = ("float32", "int64", "bool")


def reshaped(old: Shape, shape: Ints) -> Shape:
    """Resolve a wanted shape: 0 copies the size at its place, one -1 takes what is left.

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


@operator("Reshape")
class Reshape:
    """The same numbers in another shape; 0 copies a size, -1 is inferred."""

    @staticmethod
    def infer(x: Value, *, shape: Ints) -> TensorType:
        return TensorType(reshaped(x.shape, shape), x.dtype)

    @staticmethod
    def evaluate(x: Tensor, *, shape: Ints) -> Tensor:
        return x.reshape(reshaped(tuple(x.shape), shape))


@operator("Flatten")
class Flatten:
    """Two axes: those before `axis`, and the others."""

    @staticmethod
    def infer(x: Value, *, axis: int = 1) -> TensorType:
        axis = axis if axis == x.rank else positive_axis(axis, x.rank)
        return TensorType((math.prod(x.shape[:axis]), math.prod(x.shape[axis:])), x.dtype)

    @staticmethod
    def evaluate(x: Tensor, *, axis: int) -> Tensor:
        return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@operator("Transpose")
class Transpose:
    """Axis i of the result is axis perm[i] of x."""

    @staticmethod
    def infer(x: Value, *, perm: Ints) -> TensorType:
        if sorted(perm) != list(range(x.rank)):
            raise ShapeError(f"{perm} is no permutation of the axes of {x.shape}")
        return TensorType(tuple(x.shape[axis] for axis in perm), x.dtype)

    @staticmethod
    def evaluate(x: Tensor, *, perm: Ints) -> Tensor:
        return x.permute(perm).contiguous()


@operator("Squeeze")
class Squeeze:
    """Drop `axes`, which have size 1."""

    @staticmethod
    def infer(x: Value, *, axes: Ints) -> TensorType:
        gone = positive_axes(axes, x.rank)
        if any(x.shape[axis] != 1 for axis in gone):
            raise ShapeError(f"axes {axes} of {x.shape} are not all of size 1")
        return TensorType(tuple(size for axis, size in enumerate(x.shape) if axis not in gone), x.dtype)

    @staticmethod
    def evaluate(x: Tensor, *, axes: Ints) -> Tensor:
        return x.squeeze(axes)


@operator("Unsqueeze")
class Unsqueeze:
    """Insert axes of size 1, which stand at `axes` of the result."""

    @staticmethod
    def infer(x: Value, *, axes: Ints) -> TensorType:
        return TensorType(_unsqueezed(x.shape, axes), x.dtype)

    @staticmethod
    def evaluate(x: Tensor, *, axes: Ints) -> Tensor:
        return x.reshape(_unsqueezed(tuple(x.shape), axes))


def _unsqueezed(shape: Shape, axes: Ints) -> Shape:
    rank = len(shape) + len(axes)
    new = positive_axes(axes, rank)
    sizes = iter(shape)
    return tuple(1 if axis in new else next(sizes) for axis in range(rank))


@operator("Concat")
class Concat:
    """The inputs one behind the other along `axis`."""

    @staticmethod
    def infer(*xs: Value, axis: int) -> TensorType:
        if not xs:
            raise ShapeError("needs one or more inputs")
        dtype = common_dtype(*xs, allowed=ANY)
        first = xs[0].shape
        axis = positive_axis(axis, len(first))
        others = {(*x.shape[:axis], *x.shape[axis + 1 :]) for x in xs}
        if len(others) > 1 or len({x.rank for x in xs}) > 1:
            shapes = ", ".join(str(x.shape) for x in xs)
            raise ShapeError(f"shapes {shapes} differ in more than axis {axis}")
        return TensorType((*first[:axis], sum(x.shape[axis] for x in xs), *first[axis + 1 :]), dtype)

    @staticmethod
    def evaluate(*xs: Tensor, axis: int) -> Tensor:
        return torch.cat(xs, axis)


@operator("Split")
class Split:
    """Pieces of sizes `split` along `axis`."""

    @staticmethod
    def infer(x: Value, *, split: Ints, axis: int = 0) -> tuple[TensorType, ...]:
        axis = positive_axis(axis, x.rank)
        if not split or min(split) < 0 or sum(split) != x.shape[axis]:
            raise ShapeError(f"axis {axis} of {x.shape} does not split into {split}")
        before, after = x.shape[:axis], x.shape[axis + 1 :]
        return tuple(TensorType((*before, size, *after), x.dtype) for size in split)

    @staticmethod
    def evaluate(x: Tensor, *, split: Ints, axis: int) -> tuple[Tensor, ...]:
        return tuple(torch.split(x, list(split), axis))


def slice_bounds(size: int, start: int, end: int) -> tuple[int, int]:
    """Give start and end as places of an axis: negative ones count from its end, both are cut to the axis.

    >>> slice_bounds(10, -3, 2**40)
    (7, 10)
    """
    first, last, _ = slice(start, end).indices(size)
    return first, max(first, last)


@operator("Slice")
class Slice:
    """x[..., start:end, ...] along each of `axes`, in steps of 1."""

    @staticmethod
    def infer(x: Value, *, starts: Ints, ends: Ints, axes: Ints) -> TensorType:
        if not len(starts) == len(ends) == len(axes):
            raise ShapeError(f"starts {starts}, ends {ends} and axes {axes} are not equally many")
        sizes = list(x.shape)
        for axis, start, end in zip(positive_axes(axes, x.rank), starts, ends, strict=True):
            first, last = slice_bounds(sizes[axis], start, end)
            sizes[axis] = last - first
        return TensorType(tuple(sizes), x.dtype)

    @staticmethod
    def evaluate(x: Tensor, *, starts: Ints, ends: Ints, axes: Ints) -> Tensor:
        for axis, start, end in zip(axes, starts, ends, strict=True):
            first, last = slice_bounds(x.shape[axis], start, end)
            x = x.narrow(axis, first, last - first)
        return x


@operator("Expand")
class Expand:
    """x broadcast with a value of `shape`."""

    @staticmethod
    def infer(x: Value, *, shape: Ints) -> TensorType:
        if any(size < 0 for size in shape):
            raise ShapeError(f"shape {x.shape} cannot become {shape}")
        return TensorType(broadcast(x.shape, shape), x.dtype)

    @staticmethod
    def evaluate(x: Tensor, *, shape: Ints) -> Tensor:
        return x.expand(broadcast(tuple(x.shape), shape))


@operator("Tile")
class Tile:
    """x, repeats[i] times along each axis i."""

    @staticmethod
    def infer(x: Value, *, repeats: Ints) -> TensorType:
        if len(repeats) != x.rank or any(count < 0 for count in repeats):
            raise ShapeError(f"repeats {repeats} do not fit shape {x.shape}")
        return TensorType(tuple(n * count for n, count in zip(x.shape, repeats, strict=True)), x.dtype)

    @staticmethod
    def evaluate(x: Tensor, *, repeats: Ints) -> Tensor:
        return x.repeat(repeats)


@operator("Pad")
class Pad:
    """x with `pads` more places at the begin and the end of every axis; negative ones crop.

    The new places are `value` (constant), the nearest number (edge), or x mirrored at its border, which is
    not repeated (reflect).
    """

    @staticmethod
    def infer(x: Value, *, pads: Ints, mode: str = "constant", value: float = 0.0) -> TensorType:
        if mode not in ("constant", "reflect", "edge") or len(pads) != 2 * x.rank:
            raise ShapeError(f"pads {pads} in mode {mode!r} do not fit shape {x.shape}")
        begins, ends = pads[: x.rank], pads[x.rank :]
        for size, begin, end in zip(x.shape, begins, ends, strict=True):
            if min(begin, end, begin + end) < -size or (mode != "constant" and size == 0):
                raise ShapeError(f"shape {x.shape} is too small for pads {pads} ({mode})")
        shape = tuple(n + begin + end for n, begin, end in zip(x.shape, begins, ends, strict=True))
        return TensorType(shape, x.dtype)

    @staticmethod
    def evaluate(x: Tensor, *, pads: Ints, mode: str, value: float) -> Tensor:
        if mode == "constant":
            return torch.nn.functional.pad(x, torch_padding(pads), value=value)
        for axis in range(x.ndim):
            begin, end = pads[axis], pads[axis + x.ndim]
            if begin or end:
                places = torch.arange(-begin, x.shape[axis] + end)
                x = x.index_select(axis, _nearest(places, x.shape[axis] - 1, mode))
        return x


def _nearest(places: Tensor, last: int, mode: str) -> Tensor:
    """Bring places outside 0..last to it: to its ends (edge), or mirrored there as often as needed (reflect)."""
    if mode == "edge":
        return places.clamp(0, last)
    period = max(2 * last, 1)
    around = places.remainder(period)
    return torch.minimum(around, period - around)


@operator("Gather")
class Gather:
    """The slices of x along `axis` that `indices` (int64, from 0) name."""

    @staticmethod
    def infer(x: Value, indices: Value, *, axis: int = 0) -> TensorType:
        common_dtype(indices, allowed=("int64",))
        axis = positive_axis(axis, x.rank)
        return TensorType((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)

    @staticmethod
    def evaluate(x: Tensor, indices: Tensor, *, axis: int) -> Tensor:
        axis = axis % x.ndim
        shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
        return x.index_select(axis, indices.reshape(-1)).reshape(shape)


@operator("OneHot")
class OneHot:
    """1 at the index, else 0, along a new last axis of size `depth`; all 0 for an index outside it."""

    @staticmethod
    def infer(indices: Value, *, depth: int) -> TensorType:
        common_dtype(indices, allowed=("int64",))
        if depth < 1:
            raise ShapeError(f"a depth of {depth}")
        return TensorType((*indices.shape, depth))

    @staticmethod
    def evaluate(indices: Tensor, *, depth: int) -> Tensor:
        return (indices.unsqueeze(-1) == torch.arange(depth)).float()


@operator("DepthToSpace")
class DepthToSpace:
    """Channels become blocks of space; mode CRD takes them as (C, block, block), DCR as (block, block, C)."""

    @staticmethod
    def infer(x: Value, *, blocksize: int, mode: str) -> TensorType:
        if x.rank != 4 or blocksize < 1 or x.shape[1] % blocksize**2 or mode not in ("CRD", "DCR"):
            raise ShapeError(f"blocks of {blocksize} ({mode}) do not fit shape {x.shape}")
        n, c, h, w = x.shape
        return TensorType((n, c // blocksize**2, h * blocksize, w * blocksize), x.dtype)

    @staticmethod
    def evaluate(x: Tensor, *, blocksize: int, mode: str) -> Tensor:
        n, c, h, w = x.shape
        b = blocksize
        if mode == "CRD":
            blocks = x.reshape(n, c // b**2, b, b, h, w).permute(0, 1, 4, 2, 5, 3)
        else:
            blocks = x.reshape(n, b, b, c // b**2, h, w).permute(0, 3, 4, 1, 5, 2)
        return blocks.reshape(n, c // b**2, h * b, w * b)


@operator("SpaceToDepth")
class SpaceToDepth:
    """Blocks of space become channels, in the order (block, block, C)."""

    @staticmethod
    def infer(x: Value, *, blocksize: int) -> TensorType:
        if x.rank != 4 or blocksize < 1 or x.shape[2] % blocksize or x.shape[3] % blocksize:
            raise ShapeError(f"blocks of {blocksize} do not fit shape {x.shape}")
        n, c, h, w = x.shape
        return TensorType((n, c * blocksize**2, h // blocksize, w // blocksize), x.dtype)

    @staticmethod
    def evaluate(x: Tensor, *, blocksize: int) -> Tensor:
        n, c, h, w = x.shape
        b = blocksize
        blocks = x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4)
        return blocks.reshape(n, c * b**2, h // b, w // b)
