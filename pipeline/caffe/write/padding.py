"""Padding with a value, for which Caffe has no layer: one-hot convolutions pad with 0, Bias adds other values."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from pipeline.caffe.write import layers
from pipeline.caffe.write.builder import Blob, CaffeBuilder, Parameter

Pairs = Sequence[tuple[int, int]]


def padded(net: CaffeBuilder, x: Blob, pairs: Pairs, value: float = 0.0) -> Blob:
    """Return x padded by (begin, end) on each axis, where negative numbers crop.

    The pads are first 0. Then `value` is added to them, and 0 to all other numbers, so that x itself stays exact.
    """
    for axis, (begin, end) in enumerate(pairs):
        if begin < 0 or end < 0:
            x = layers.cut(net, x, axis, max(-begin, 0), x.shape[axis] + min(end, 0))
    grown = [(max(begin, 0), max(end, 0)) for begin, end in pairs]
    axes = [axis for axis, pair in enumerate(grown) if any(pair)]
    if not axes:
        return x
    if x.rank == 4 and min(axes) >= 2:
        x = _with_zeros(net, x, grown[2], grown[3], group=x.shape[1])
    else:
        for axis in axes:
            x = _one_axis(net, x, axis, grown[axis])
    if value != 0:
        first, last = axes[0], axes[-1] + 1
        shape = x.shape[first:last]
        x = layers.bias(net, x, Parameter(shape, lambda: frame(shape, grown[first:last], value)), first, "frame")
    return x


def _one_axis(net: CaffeBuilder, x: Blob, axis: int, pair: tuple[int, int]) -> Blob:
    """Return x with one axis padded with zeros, as if it were the height of an image with one channel."""
    inner = prod(x.shape[axis + 1 :])
    image = layers.reshape(net, x, (prod(x.shape[:axis]), 1, x.shape[axis], inner))
    y = _with_zeros(net, image, pair, (0, 0), group=1)
    return layers.reshape(net, y, (*x.shape[:axis], y.shape[2], *x.shape[axis + 1 :]))


def _with_zeros(net: CaffeBuilder, x: Blob, rows: tuple[int, int], columns: tuple[int, int], group: int) -> Blob:
    """Return images padded with zeros: each channel is convolved with a kernel that is 1 at one place.

    Caffe pads both sides alike, here by the larger pad; the size of the kernel removes what is too much on the other.
    """
    pads = max(rows), max(columns)
    kernel = 2 * pads[0] - sum(rows) + 1, 2 * pads[1] - sum(columns) + 1
    place = pads[0] - rows[0], pads[1] - columns[0]

    def weights() -> np.ndarray:
        array = np.zeros((group, 1, *kernel), np.float32)
        array[:, :, place[0], place[1]] = 1
        return array

    message = {
        "num_output": group,
        "bias_term": False,
        "group": group,
        "pad_h": pads[0],
        "pad_w": pads[1],
        "kernel_h": kernel[0],
        "kernel_w": kernel[1],
    }
    shape = (*x.shape[:2], x.shape[2] + sum(rows), x.shape[3] + sum(columns))
    parameter = Parameter((group, 1, *kernel), weights)
    return net.layer("Convolution", [x], shape, part="pad", parameters=[parameter], convolution_param=message)


def frame(shape: Sequence[int], pairs: Pairs, value: float) -> np.ndarray:
    """Return an array that is `value` in the pads and 0 inside."""
    array = np.full(shape, value, np.float32)
    array[tuple(slice(begin, size - end) for size, (begin, end) in zip(shape, pairs, strict=True))] = 0
    return array
