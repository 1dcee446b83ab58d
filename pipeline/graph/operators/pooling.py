"""Pooling over windows of the spatial axes (all but the first two)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.graph.operators.operator import ShapeError, operator
from pipeline.graph.values import Shape, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")

Ints = tuple[int, ...]


def pooled_size(size: int, kernel: int, stride: int, begin: int, end: int, ceil_mode: int) -> int:
    """Give the number of windows along one axis, as ONNX counts them.

    With `ceil_mode` a last window may reach past the padding, but must start inside the image or the padding
    before it.
    """
    span = size + begin + end - kernel
    if span < 0 and not (ceil_mode and span > -stride):
        raise ShapeError(f"a window of {kernel} does not fit an axis of {size} padded by {begin} and {end}")
    if not ceil_mode:
        return span // stride + 1
    windows = -(-span // stride) + 1
    return windows - 1 if (windows - 1) * stride >= size + begin else windows


def pooled_shape(x: Value, kernel_shape: Ints, strides: Ints, pads: Ints, ceil_mode: int, dilations: Ints) -> Shape:
    """Give the shape after pooling a value of shape (N, C, spatial...); pads are all begins, then all ends."""
    axes = len(kernel_shape)
    if x.rank != axes + 2:
        raise ShapeError(f"{axes} pooled axes do not fit an input of shape {x.shape}")
    spatial = tuple(
        pooled_size(x.shape[i + 2], (kernel_shape[i] - 1) * dilations[i] + 1, strides[i], pads[i], pads[i + axes], ceil_mode)
        for i in range(axes)
    )
    return (*x.shape[:2], *spatial)
