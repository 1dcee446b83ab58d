"""Pooling over windows of the spatial axes (all but the first two)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import check_float, check_minimum_rank, check_rank
from pipeline.graph.operators.operator import Ints, Operator, ShapeError, operator
from pipeline.graph.operators.windows import DilatedWindow, Window, torch_padding
from pipeline.graph.values import Node, Shape, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


def pooled_size(size: int, kernel: int, stride: int, begin: int, end: int, ceil_mode: int) -> int:
    """Return the number of windows along one axis, as ONNX counts them.

    With `ceil_mode`, a last window may extend beyond the padding, but must start inside the image or the padding
    before it.

    >>> pooled_size(7, 2, 2, 0, 0, ceil_mode=0), pooled_size(7, 2, 2, 0, 0, ceil_mode=1)
    (3, 4)
    """
    span = size + begin + end - kernel
    if span < 0 and not (ceil_mode and span > -stride):
        raise ShapeError(f"a window of {kernel} does not fit an axis of {size} padded by {begin} and {end}")
    if not ceil_mode:
        return span // stride + 1
    windows = -(-span // stride) + 1
    return windows - 1 if (windows - 1) * stride >= size + begin else windows


def covered_places(size: int, kernel: int, stride: int, begin: int, end: int, count: int, padding: int) -> Ints:
    """Return, for each of `count` windows along an axis, the number of its places by which an average divides.

    With `padding`, these are the places in the image and the padding, and otherwise in the image only. Places that
    `ceil_mode` adds count never (THNN/generic/SpatialAveragePooling.c, caffe/layers/pooling_layer.cpp).

    >>> covered_places(3, 3, 2, 1, 1, 2, padding=0), covered_places(4, 3, 2, 1, 1, 3, padding=1)
    ((2, 2), (3, 3, 2))
    """
    low, high = (0, begin + size + end) if padding else (begin, begin + size)
    starts = range(0, count * stride, stride)
    return tuple(max(0, min(start + kernel, high) - max(start, low)) for start in starts)


class Pooling(Window):
    """One number for each window of each channel."""

    def infer(self, x: Value) -> TensorType:
        check_float(x)
        self.check(x)
        self.check_pads(x)
        return TensorType((*x.shape[:2], *self.counts(x.shape)))

    def check_pads(self, x: Value) -> None:
        """Raise ShapeError where the pads do not fit x."""
        if any(pad < 0 for pad in self.pads):
            raise ShapeError(f"pads {self.pads} are negative")

    def counts(self, shape: Shape) -> Ints:
        """Return the number of windows along each axis of an input of `shape`, rounded down."""
        return self._counted(shape, ceil_mode=0)

    def _counted(self, shape: Shape, ceil_mode: int) -> Ints:
        axes = zip(shape[2:], self.extents, self.strides, self.begins, self.ends, strict=True)
        return tuple(pooled_size(*axis, ceil_mode) for axis in axes)

    def covered(self, x: Tensor, value: float) -> Tensor:
        """Pad x with `value`, or crop it, so that its windows fit exactly."""
        ends = []
        for i, count in enumerate(self.counts(tuple(x.shape))):
            need = (count - 1) * self.strides[i] + self.extents[i] - self.begins[i] - x.shape[i + 2]
            # Up to a stride of places that no window covers do no harm.
            ends.append(0 if -self.strides[i] < need <= 0 else need)
        if not any(self.begins) and not any(ends):
            return x
        return torch.nn.functional.pad(x, torch_padding((*self.begins, *ends)), value=value)

    def sums(self, x: Tensor) -> Tensor:
        """Sum every window; padding is 0."""
        x = self.covered(x, 0.0)
        functional = torch.nn.functional
        if self.axes == 1:
            row = functional.avg_pool2d(x.unsqueeze(2), (1, *self.kernel_shape), (1, *self.strides), divisor_override=1)
            return row.squeeze(2)
        pool = functional.avg_pool2d if self.axes == 2 else functional.avg_pool3d
        return pool(x, self.kernel_shape, self.strides, divisor_override=1)

    def multiply_adds(self, node: Node) -> int:
        return node.output.size * math.prod(self.kernel_shape)


@dataclass(frozen=True, kw_only=True)
class RoundedPooling(Pooling):
    """Pooling that may round the number of windows up."""

    ceil_mode: int = 0

    def counts(self, shape: Shape) -> Ints:
        """Return the number of windows along each axis of an input of `shape`."""
        return self._counted(shape, self.ceil_mode)


@operator
class MaxPool(RoundedPooling, DilatedWindow):
    """The largest number in each window. Padding is -FLT_MAX, as in Torch7 and Caffe.

    Pads at the end only determine the number of windows, and may be negative.
    """

    def check_pads(self, x: Value) -> None:
        """Raise ShapeError where the pads do not fit x."""
        if min(self.begins) < 0:
            raise ShapeError(f"pads {self.pads} begin inside the image")
        if any(end < -size for end, size in zip(self.ends, x.shape[2:], strict=True)):
            raise ShapeError(f"pads {self.pads} leave nothing of shape {x.shape}")

    def evaluate(self, x: Tensor) -> Tensor:
        x = self.covered(x, torch.finfo(torch.float32).min)
        functional = torch.nn.functional
        pool = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[self.axes - 1]
        result: Tensor = pool(x, self.kernel_shape, self.strides, 0, self.dilations)
        return result


@operator
class AveragePool(RoundedPooling):
    """The sum of each window, where padding is 0, divided by the number of its places (`covered_places`)."""

    count_include_pad: int = 0

    def divisors(self, shape: Shape) -> tuple[Ints, ...]:
        """Return, for each axis of an input of `shape`, the divisor of each window."""
        geometry = zip(shape[2:], self.kernel_shape, self.strides, self.begins, self.ends, strict=True)
        return tuple(
            covered_places(*axis, count, self.count_include_pad)
            for axis, count in zip(geometry, self.counts(shape), strict=True)
        )

    def evaluate(self, x: Tensor) -> Tensor:
        y = self.sums(x)
        for i, places in enumerate(self.divisors(tuple(x.shape))):
            y = y / torch.tensor(places, dtype=torch.float32).reshape(-1, *(1,) * (self.axes - 1 - i))
        return y


@operator
class LpPool(Pooling):
    """The p-norm of each window; padding is 0."""

    p: int = 2

    def infer(self, x: Value) -> TensorType:
        if self.p < 1:
            raise ShapeError(f"there is no {self.p}-norm")
        return super().infer(x)

    def evaluate(self, x: Tensor) -> Tensor:
        return self.sums(x.abs().pow(self.p)).pow(1 / self.p)


class GlobalPooling(Operator):
    """One number for each channel; all spatial axes become 1."""

    keeps_places = False

    def infer(self, x: Value) -> TensorType:
        check_float(x)
        check_minimum_rank(x, 3)
        return TensorType((*x.shape[:2], *(1,) * (x.rank - 2)))


@operator
class GlobalAveragePool(GlobalPooling):
    """The mean over all spatial axes, which become 1."""

    def evaluate(self, x: Tensor) -> Tensor:
        return x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)


@operator
class GlobalMaxPool(GlobalPooling):
    """The largest number over all spatial axes, which become 1."""

    def evaluate(self, x: Tensor) -> Tensor:
        return x.amax(dim=tuple(range(2, x.ndim)), keepdim=True)


@operator
class MaxRoiPool(Operator):
    """The largest number in each of pooled_shape bins of every region; 0 in an empty bin.

    x (N, C, H, W); rois (R, 5) are rows of batch index, x1, y1, x2, y2 (inclusive, before spatial_scale);
    gives (R, C, *pooled_shape). Fast R-CNN's roi_pooling_layer.cpp.
    """

    pooled_shape: Ints
    spatial_scale: float = 1.0

    keeps_places = False

    def infer(self, x: Value, rois: Value) -> TensorType:
        check_float(x, rois)
        check_rank(x, 4)
        check_rank(rois, 2)
        if rois.shape[1] != 5 or len(self.pooled_shape) != 2 or min(self.pooled_shape) < 1:
            raise ShapeError(f"rois {rois.shape} must be (R, 5), and pooled_shape {self.pooled_shape} two sizes")
        return TensorType((rois.shape[0], x.shape[1], *self.pooled_shape))

    def evaluate(self, x: Tensor, rois: Tensor) -> Tensor:
        y = x.new_zeros((rois.shape[0], x.shape[1], *self.pooled_shape))
        scaled = rois[:, 1:] * self.spatial_scale
        corners = (scaled.sign() * (scaled.abs() + 0.5).floor()).long()  # C's round: halves away from zero
        for region, (image, corner) in enumerate(zip(rois[:, 0].long(), corners.tolist(), strict=True)):
            left, top, right, bottom = corner
            rows = _bins(top, bottom, self.pooled_shape[0], x.shape[2])
            columns = _bins(left, right, self.pooled_shape[1], x.shape[3])
            for i, (start, end) in enumerate(rows):
                if start < end:
                    strip = x[image, :, start:end].amax(1)
                    for j, (first, last) in enumerate(columns):
                        if first < last:
                            y[region, :, i, j] = strip[:, first:last].amax(1)
        return y


def _bins(first: int, last: int, count: int, size: int) -> list[tuple[int, int]]:
    """Divide first..last into `count` bins that may overlap by a place, cut to an axis of `size`."""
    step = torch.tensor(max(last - first + 1, 1), dtype=torch.float32) / count
    edges = torch.arange(count + 1) * step
    starts = (edges[:-1].floor().long() + first).clamp(0, size).tolist()
    ends = (edges[1:].ceil().long() + first).clamp(0, size).tolist()
    return list(zip(starts, ends, strict=True))
