"""Resizing of any axes, one after the other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pipeline.graph.operators.checks import check_float
from pipeline.graph.operators.operator import Floats, Ints, Operator, ShapeError, operator
from pipeline.graph.operators.receptive_field import ReceptiveField
from pipeline.graph.values import Node, Shape, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


def resized(shape: Shape, scales: Floats, sizes: Ints) -> Shape:
    """Return the shape after resizing: `sizes` if given, or else floor(size * scale) for each axis."""
    given: Ints | Floats = sizes or scales
    if len(given) != len(shape) or not all(0 < number < math.inf for number in given):
        raise ShapeError(f"scales {scales} or sizes {sizes} do not fit shape {shape}")
    if sizes:
        return sizes
    result = tuple(math.floor(size * scale) for size, scale in zip(shape, scales, strict=True))
    if min(result) < 1:
        raise ShapeError(f"scales {scales} leave nothing of shape {shape}")
    return result


def coordinates(old: int, new: int, scale: float, mode: str) -> np.ndarray:
    """Return the coordinate on the old axis for each place of the new one, in float64.

    >>> coordinates(3, 5, 5 / 3, "align_corners").tolist()
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    places = np.arange(new, dtype=np.float64)
    if mode == "align_corners":
        return places * (old - 1) / max(new - 1, 1)
    return np.minimum(places / scale, old - 1)


@operator
class Resize(Operator):
    """x with other sizes: mode nearest takes the number at the floor of the coordinate, linear interpolates."""

    scales: Floats = ()
    mode: str = "nearest"
    coordinate_transformation_mode: str = "asymmetric"
    sizes: Ints = ()

    def infer(self, x: Value) -> TensorType:
        check_float(x)
        if self.mode not in ("nearest", "linear"):
            raise ShapeError(f"no mode {self.mode!r}")
        if self.coordinate_transformation_mode not in ("asymmetric", "align_corners"):
            raise ShapeError(f"no coordinate_transformation_mode {self.coordinate_transformation_mode!r}")
        return TensorType(resized(x.shape, self.scales, self.sizes))

    def steps(self, old: Shape, new: Shape) -> Floats:
        """Return the factor by which each axis grows."""
        return tuple(b / a for a, b in zip(old, new, strict=True)) if self.sizes else self.scales

    def evaluate(self, x: Tensor) -> Tensor:
        old = tuple(x.shape)
        new = resized(old, self.scales, self.sizes)
        for axis, scale in enumerate(self.steps(old, new)):
            if old[axis] == new[axis] and (scale == 1 or self.coordinate_transformation_mode == "align_corners"):
                continue
            places = torch.from_numpy(coordinates(old[axis], new[axis], scale, self.coordinate_transformation_mode))
            below = places.floor().long()
            low = x.index_select(axis, below)
            if self.mode == "linear":
                high = x.index_select(axis, (below + 1).clamp(max=old[axis] - 1))
                part = (places - below).to(x.dtype).reshape(-1, *(1,) * (x.ndim - 1 - axis))
                low = torch.lerp(low, high, part)
            x = low
        return x

    def receptive_field(self, node: Node, seen: tuple[ReceptiveField, ...]) -> tuple[ReceptiveField, ...] | None:
        axes = zip(seen, node.input(0).shape[2:], node.output.shape[2:], strict=True)
        return tuple(field.resized(old, new, linear=self.mode == "linear") for field, old, new in axes)


def aligned_resize(old: Shape, new: Shape) -> Resize:
    """Return a linear Resize with aligned corners. It has scales, since sizes would fix the batch size."""
    scales = tuple(map(_scale, old, new))
    return Resize(scales=scales, mode="linear", coordinate_transformation_mode="align_corners")


def _scale(old: int, new: int) -> float:
    """Return the first float32 from new / old on that makes `new` of `old`, rounded down.

    >>> math.floor(3 * float(np.float32(5 / 3))), math.floor(3 * _scale(3, 5))
    (4, 5)
    """
    scale = np.float32(new / old)
    while math.floor(old * float(scale)) < new:
        scale = np.nextafter(scale, np.float32(np.inf))
    return float(scale)
