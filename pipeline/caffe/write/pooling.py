"""Pooling. If Caffe's rounding up does not give the wanted windows, the result is cut, or the input is padded.

Caffe pools two of four axes. A single axis becomes the width of images of height 1; three are pooled in two steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from pipeline.caffe.write import layers
from pipeline.caffe.write.builder import Blob, CaffeBuilder, Parameter, writes
from pipeline.caffe.write.padding import padded
from pipeline.graph.operators import AveragePool, GlobalAveragePool, GlobalMaxPool, MaxPool, Pooling
from pipeline.graph.operators.pooling import covered_places
from pipeline.graph.values import Graph, Node

LOWEST = float(np.finfo(np.float32).min)  # the value from which Caffe's max pooling starts


@dataclass(frozen=True, slots=True)
class PoolingWindow:
    """The windows along one axis: `count` of them, the first of which starts `pad` places before the axis."""

    kernel: int
    stride: int
    pad: int
    count: int
    divisors: tuple[int, ...] = ()  # of the average of each window

    def span(self) -> int:
        """Return the number of places from the start of the first window to the end of the last one."""
        return (self.count - 1) * self.stride + self.kernel


def every_place(size: int) -> PoolingWindow:
    """Return windows that leave an axis as it is."""
    return PoolingWindow(1, 1, 0, size, (1,) * size)


def pooled(net: CaffeBuilder, x: Blob, method: str, windows: Sequence[PoolingWindow]) -> Blob:
    """Return x (N, C, ...) pooled over its last axes: one, two or three."""
    n, c, *spatial = x.shape
    counts = [window.count for window in windows]
    if len(windows) == 2:
        return _pooled_images(net, x, method, windows[0], windows[1])
    if len(windows) == 1:
        y = layers.reshape(net, x, (n, c, 1, spatial[0]))
        y = _pooled_images(net, y, method, every_place(1), windows[0])
        return layers.reshape(net, y, (n, c, *counts))
    depth, height, width = spatial
    y = layers.reshape(net, x, (n, c * depth, height, width))
    y = _pooled_images(net, y, method, windows[1], windows[2])
    y = layers.reshape(net, y, (n, c, depth, counts[1] * counts[2]))
    y = _pooled_images(net, y, method, windows[0], every_place(counts[1] * counts[2]))
    return layers.reshape(net, y, (n, c, *counts))


def caffe_counts(size: Sequence[int], windows: Sequence[PoolingWindow]) -> tuple[int, ...]:
    """Return the number of windows of Caffe's Pooling along both axes (pooling_layer.cpp, Reshape).

    >>> caffe_counts((7, 7), (PoolingWindow(3, 2, 0, 3), PoolingWindow(3, 2, 1, 4)))
    (3, 4)
    """
    counts = [_rounded_up(n, window) for n, window in zip(size, windows, strict=True)]
    if any(window.pad for window in windows):
        for i, window in enumerate(windows):
            counts[i] -= (counts[i] - 1) * window.stride >= size[i] + window.pad
    return tuple(counts)


def _rounded_up(size: int, window: PoolingWindow) -> int:
    return -(-(size + 2 * window.pad - window.kernel) // window.stride) + 1


def _as_caffe_has_them(size: Sequence[int], windows: Sequence[PoolingWindow]) -> bool:
    """Return whether Caffe has at least the wanted windows, and all readers of its files agree on that.

    They disagree on a window larger than the image with its pads, and on one after the end of an axis without pads,
    which Caffe drops if the other axis has pads.
    """
    return all(
        window.pad < window.kernel <= n + 2 * window.pad
        and count >= window.count
        and (window.pad > 0 or (_rounded_up(n, window) - 1) * window.stride < n)
        for n, window, count in zip(size, windows, caffe_counts(size, windows), strict=True)
    )


def _pooled_images(net: CaffeBuilder, x: Blob, method: str, rows: PoolingWindow, columns: PoolingWindow) -> Blob:
    windows = [rows, columns]
    if all((w.kernel, w.stride, w.pad, w.count) == (1, 1, 0, n) for w, n in zip(windows, x.shape[2:], strict=True)):
        return x
    if not _as_caffe_has_them(x.shape[2:], windows):
        x, windows = _covered(net, x, windows, LOWEST if method == "MAX" else 0.0)
    size = x.shape[2:]
    counts = caffe_counts(size, windows)
    message: dict[str, Any] = {"pool": method} | _fields(windows)
    y = net.layer("Pooling", [x], (*x.shape[:2], *counts), pooling_param=message)
    for axis, window in enumerate(windows, 2):
        y = layers.cut(net, y, axis, 0, window.count)
    return _divided(net, y, size, windows) if method == "AVE" else y


def _covered(
    net: CaffeBuilder, x: Blob, windows: Sequence[PoolingWindow], value: float
) -> tuple[Blob, list[PoolingWindow]]:
    """Return x padded or cut to exactly the places that the windows cover, and the windows over that."""
    needed = [w.span() - w.pad - size for w, size in zip(windows, x.shape[2:], strict=True)]
    pairs = [(0, 0), (0, 0), *((w.pad, end) for w, end in zip(windows, needed, strict=True))]
    return padded(net, x, pairs, value), [replace(window, pad=0) for window in windows]


def _fields(windows: Sequence[PoolingWindow]) -> dict[str, int]:
    """Return the fields of pooling_param: one number if both axes agree, else _h and _w."""
    message: dict[str, int] = {}
    for name, default in (("kernel", 0), ("stride", 1), ("pad", 0)):
        height, width = (getattr(window, name) for window in windows)
        if height == width:
            if height != default:
                message["kernel_size" if name == "kernel" else name] = height
        else:
            message |= {f"{name}_h": height, f"{name}_w": width}
    return message


def _divided(net: CaffeBuilder, y: Blob, size: Sequence[int], windows: Sequence[PoolingWindow]) -> Blob:
    """Return Caffe's averages y, corrected for the windows' own divisors.

    Caffe divides by the number of places in the image and its pads (pooling_layer.cpp, Forward_cpu).
    """
    height, width = (
        np.array(covered_places(n, w.kernel, w.stride, w.pad, w.pad, w.count, 1), np.float64)
        / np.array(w.divisors, np.float64)
        for n, w in zip(size, windows, strict=True)
    )
    factors = np.outer(height, width)
    if (factors == factors[0, 0]).all():
        return layers.power(net, y, scale=float(factors[0, 0]))
    return layers.scale(net, y, Parameter(factors.shape, lambda: factors.astype(np.float32)), 2)


def _windows(node: Node[Pooling]) -> list[PoolingWindow]:
    pooling, counts = node.operator, node.output.shape[2:]
    return [PoolingWindow(*each) for each in zip(pooling.extents, pooling.strides, pooling.begins, counts, strict=True)]


def _dense(node: Node[MaxPool], graph: Graph) -> bool:
    return node.operator.extents == node.operator.kernel_shape


@writes(MaxPool, where=_dense)
def max_pool(node: Node[MaxPool], net: CaffeBuilder) -> None:
    """Pooling MAX."""
    net.give(node, pooled(net, net.blob(node.input(0)), "MAX", _windows(node)))


@writes(AveragePool)
def average_pool(node: Node[AveragePool], net: CaffeBuilder) -> None:
    """Pooling AVE, and Scale by a factor for each place where Caffe divides by another number."""
    x = net.blob(node.input(0))
    divisors = node.operator.divisors(x.shape)
    if any(0 in numbers for numbers in divisors):
        net.refuse("some of its windows hold no place of the image: their average is 0 / 0")
    windows = [replace(window, divisors=n) for window, n in zip(_windows(node), divisors, strict=True)]
    net.give(node, pooled(net, x, "AVE", windows))


@writes(GlobalAveragePool)
def global_average_pool(node: Node, net: CaffeBuilder) -> None:
    """Pooling AVE with global_pooling."""
    _global(node, net, "AVE")


@writes(GlobalMaxPool)
def global_max_pool(node: Node, net: CaffeBuilder) -> None:
    """Pooling MAX with global_pooling."""
    _global(node, net, "MAX")


def _global(node: Node, net: CaffeBuilder, method: str) -> None:
    x = net.blob(node.input(0))
    n, c, *spatial = x.shape
    image = layers.reshape(net, x, (n, c, prod(spatial[:-1]), spatial[-1]))
    message = {"pool": method, "global_pooling": True}
    y = net.layer("Pooling", [image], (n, c, 1, 1), pooling_param=message)
    net.give(node, layers.reshape(net, y, node.output.shape))
