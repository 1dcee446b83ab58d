"""Operators that move numbers about and change none: they give the axes of a tensor another form or order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import positive_axes, positive_axis
from pipeline.graph.operators.operator import Ints, Operator, ShapeError, operator
from pipeline.graph.values import Node, Shape, TensorType, Value

if TYPE_CHECKING:
    from torch import Tensor


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
