"""Pooling over windows of the spatial axes (all but the first two)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import check_float, check_minimum_rank, check_rank, check_windows
from pipeline.graph.operators.convolution import torch_padding
from pipeline.graph.operators.operator import Ints, ShapeError, operator
from pipeline.graph.values import Shape, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


def pooled_size(size: int, kernel: int, stride: int, begin: int, end: int, ceil_mode: int) -> int:
    """Give the number of windows along one axis, as ONNX counts them.

    With `ceil_mode` a last window may reach past the padding, but must start inside the image or the padding
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


def pooled_shape(x: Value, kernel_shape: Ints, strides: Ints, pads: Ints, ceil_mode: int, dilations: Ints) -> Shape:
    """Give the shape after pooling a value (N, C, spatial...); pads are all begins, then all ends."""
    axes = len(kernel_shape)
    check_float(x)
    check_windows(axes, kernel_shape=kernel_shape, strides=strides, pads=pads, dilations=dilations)
    if x.rank != axes + 2:
        raise ShapeError(f"{axes} pooled axes do not fit an input of shape {x.shape}")
    if min(pads[:axes]) < 0:
        raise ShapeError(f"pads {pads} begin inside the image")
    spatial = []
    for i, size in enumerate(x.shape[2:]):
        begin, end, window = pads[i], pads[i + axes], (kernel_shape[i] - 1) * dilations[i] + 1
        if end < -size:
            raise ShapeError(f"pads {pads} leave nothing of shape {x.shape}")
        spatial.append(pooled_size(size, window, strides[i], begin, end, ceil_mode))
    return (*x.shape[:2], *spatial)


def _covered(x: Tensor, windows: Ints, strides: Ints, pads: Ints, counts: Ints, value: float) -> Tensor:
    """Pad x with `value`, or crop it, so that exactly `counts` windows fit without further padding."""
    axes = len(windows)
    ends = []
    for i, count in enumerate(counts):
        need = (count - 1) * strides[i] + windows[i] - pads[i] - x.shape[i + 2]
        # Up to a stride of places that no window covers do no harm.
        ends.append(0 if -strides[i] < need <= 0 else need)
    if not any(pads[:axes]) and not any(ends):
        return x
    return torch.nn.functional.pad(x, torch_padding((*pads[:axes], *ends)), value=value)


def _sums(x: Tensor, kernel_shape: Ints, strides: Ints, pads: Ints, ceil_mode: int) -> Tensor:
    """Sum every window; padding is 0."""
    axes = len(kernel_shape)
    counts = _counts(tuple(x.shape), kernel_shape, strides, pads, ceil_mode)
    x = _covered(x, kernel_shape, strides, pads, counts, 0.0)
    functional = torch.nn.functional
    if axes == 1:
        rows = functional.avg_pool2d(x.unsqueeze(2), (1, *kernel_shape), (1, *strides), divisor_override=1)
        return rows.squeeze(2)
    pool = functional.avg_pool2d if axes == 2 else functional.avg_pool3d
    return pool(x, kernel_shape, strides, divisor_override=1)


def _counts(shape: Shape, windows: Ints, strides: Ints, pads: Ints, ceil_mode: int) -> Ints:
    axes = len(windows)
    return tuple(
        pooled_size(shape[i + 2], windows[i], strides[i], pads[i], pads[i + axes], ceil_mode) for i in range(axes)
    )


def covered_places(size: int, kernel: int, stride: int, begin: int, end: int, count: int, padding: int) -> Ints:
    """Give, for each of `count` windows along an axis, how many of its places an average divides by.

    With `padding` these are the places in image and padding, else in the image. What `ceil_mode` adds is
    beyond both (THNN/generic/SpatialAveragePooling.c, caffe/layers/pooling_layer.cpp).

    >>> covered_places(3, 3, 2, 1, 1, 2, padding=0), covered_places(4, 3, 2, 1, 1, 3, padding=1)
    ((2, 2), (3, 3, 2))
    """
    low, high = (0, begin + size + end) if padding else (begin, begin + size)
    starts = range(0, count * stride, stride)
    return tuple(max(0, min(start + kernel, high) - max(start, low)) for start in starts)


@operator("MaxPool")
class MaxPool:
    """The largest number in each window. Padding is -FLT_MAX, as in Torch7 and Caffe.

    Pads at the end decide only how many windows there are; they may be negative.
    """

    @staticmethod
    def infer(
        x: Value, *, kernel_shape: Ints, strides: Ints, pads: Ints, ceil_mode: int = 0, dilations: Ints
    ) -> TensorType:
        return TensorType(pooled_shape(x, kernel_shape, strides, pads, ceil_mode, dilations))

    @staticmethod
    def evaluate(
        x: Tensor, *, kernel_shape: Ints, strides: Ints, pads: Ints, ceil_mode: int, dilations: Ints
    ) -> Tensor:
        axes = len(kernel_shape)
        windows = tuple((k - 1) * d + 1 for k, d in zip(kernel_shape, dilations, strict=True))
        counts = _counts(tuple(x.shape), windows, strides, pads, ceil_mode)
        x = _covered(x, windows, strides, pads, counts, torch.finfo(torch.float32).min)
        functional = torch.nn.functional
        pool = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[axes - 1]
        result: Tensor = pool(x, kernel_shape, strides, 0, dilations)
        return result


@operator("AveragePool")
class AveragePool:
    """The sum of each window, where padding is 0, divided by the number of its places (`covered_places`)."""

    @staticmethod
    def infer(
        x: Value,
        *,
        kernel_shape: Ints,
        strides: Ints,
        pads: Ints,
        ceil_mode: int = 0,
        count_include_pad: int = 0,
    ) -> TensorType:
        _check_not_negative(pads)
        return TensorType(pooled_shape(x, kernel_shape, strides, pads, ceil_mode, (1,) * len(kernel_shape)))

    @staticmethod
    def evaluate(
        x: Tensor, *, kernel_shape: Ints, strides: Ints, pads: Ints, ceil_mode: int, count_include_pad: int
    ) -> Tensor:
        axes = len(kernel_shape)
        y = _sums(x, kernel_shape, strides, pads, ceil_mode)
        for i, kernel in enumerate(kernel_shape):
            places = covered_places(
                x.shape[i + 2], kernel, strides[i], pads[i], pads[i + axes], y.shape[i + 2], count_include_pad
            )
            y = y / torch.tensor(places, dtype=torch.float32).reshape(-1, *(1,) * (axes - 1 - i))
        return y


@operator("LpPool")
class LpPool:
    """The p-norm of each window; padding is 0."""

    @staticmethod
    def infer(x: Value, *, kernel_shape: Ints, strides: Ints, pads: Ints, p: int = 2) -> TensorType:
        _check_not_negative(pads)
        if p < 1:
            raise ShapeError(f"there is no {p}-norm")
        return TensorType(pooled_shape(x, kernel_shape, strides, pads, 0, (1,) * len(kernel_shape)))

    @staticmethod
    def evaluate(x: Tensor, *, kernel_shape: Ints, strides: Ints, pads: Ints, p: int) -> Tensor:
        return _sums(x.abs().pow(p), kernel_shape, strides, pads, 0).pow(1 / p)


def _check_not_negative(pads: Ints) -> None:
    if any(pad < 0 for pad in pads):
        raise ShapeError(f"pads {pads} are negative")


def _global_shape(x: Value) -> Shape:
    check_float(x)
    check_minimum_rank(x, 3)
    return (*x.shape[:2], *(1,) * (x.rank - 2))


@operator("GlobalAveragePool")
class GlobalAveragePool:
    """The mean over all spatial axes, which become 1."""

    @staticmethod
    def infer(x: Value) -> TensorType:
        return TensorType(_global_shape(x))

    @staticmethod
    def evaluate(x: Tensor) -> Tensor:
        return x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)


@operator("GlobalMaxPool")
class GlobalMaxPool:
    """The largest number over all spatial axes, which become 1."""

    @staticmethod
    def infer(x: Value) -> TensorType:
        return TensorType(_global_shape(x))

    @staticmethod
    def evaluate(x: Tensor) -> Tensor:
        return x.amax(dim=tuple(range(2, x.ndim)), keepdim=True)


@operator("MaxRoiPool")
class MaxRoiPool:
    """The largest number in each of pooled_shape bins of every region; 0 in an empty bin.

    x (N, C, H, W); rois (R, 5) are rows of batch index, x1, y1, x2, y2 (inclusive, before spatial_scale);
    gives (R, C, *pooled_shape). Fast R-CNN's roi_pooling_layer.cpp.
    """

    @staticmethod
    def infer(x: Value, rois: Value, *, pooled_shape: Ints, spatial_scale: float = 1.0) -> TensorType:
        check_float(x, rois)
        check_rank(x, 4)
        check_rank(rois, 2)
        if rois.shape[1] != 5 or len(pooled_shape) != 2 or min(pooled_shape) < 1:
            raise ShapeError(f"rois {rois.shape} must be (R, 5), and pooled_shape {pooled_shape} two sizes")
        return TensorType((rois.shape[0], x.shape[1], *pooled_shape))

    @staticmethod
    def evaluate(x: Tensor, rois: Tensor, *, pooled_shape: Ints, spatial_scale: float) -> Tensor:
        y = x.new_zeros((rois.shape[0], x.shape[1], *pooled_shape))
        scaled = rois[:, 1:] * spatial_scale
        corners = (scaled.sign() * (scaled.abs() + 0.5).floor()).long()  # C's round: halves away from zero
        for region, (image, corner) in enumerate(zip(rois[:, 0].long(), corners.tolist(), strict=True)):
            left, top, right, bottom = corner
            rows = _bins(top, bottom, pooled_shape[0], x.shape[2])
            columns = _bins(left, right, pooled_shape[1], x.shape[3])
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
