"""Max unpooling: puts each number back where the maximum of its window was, and zeros everywhere else."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from pipeline.graph.operators import MaxPool, Operator, Pad, Resize
from pipeline.graph.values import Value

LEAST = float(np.finfo(np.float32).min)
Ints = tuple[int, ...]


class Net(Protocol):
    """Anything that nodes and constants can be added to."""

    def add(self, operator: Operator | str, *inputs: Value | None, part: str = "") -> Value:
        """Add a node."""

    def weight(self, array: np.ndarray, part: str = "") -> Value:
        """Add a constant."""

    def constant(self, number: float, part: str = "") -> Value:
        """Add a constant of one number."""


def first_of_windows(net: Net, source: Value, kernel: Ints, counts: Ints, begins: Ints = ()) -> Value:
    """Return a mask of where the maximum is in each of `counts` adjacent windows; the first, if several are equal.

    The mask covers all windows. They start `begins` places before the source (N, C, sizes...) and may extend beyond it.
    To find the first maximum, the places of each window are numbered downwards, and of those that equal the maximum,
    the one with the largest number is taken.
    """
    axes = len(kernel)
    begins = begins or (0,) * axes
    sizes = zip(counts, kernel, begins, source.shape[2:], strict=True)
    ends = tuple(count * k - begin - size for count, k, begin, size in sizes)
    if any(begins) or any(ends):
        source = net.add(Pad(pads=(0, 0, *begins, 0, 0, *ends), value=LEAST), source, part="windows")
    tiles = MaxPool(kernel_shape=kernel, strides=kernel, pads=(0,) * 2 * axes, dilations=(1,) * axes)
    largest = spread(net, net.add(tiles, source, part="largest"), kernel, "largest_spread")
    order = np.arange(np.prod(kernel), 0, -1, dtype=np.float32).reshape(kernel)
    falling = net.weight(np.tile(order, counts), "order")
    is_largest = net.add("GreaterOrEqual", source, largest, part="is_largest")
    ordered = net.add("Where", is_largest, falling, net.constant(0.0, "none"), part="ordered")
    first = spread(net, net.add(tiles, ordered, part="first"), kernel, "first_spread")
    return net.add("GreaterOrEqual", ordered, first, part="chosen")


def placed(net: Net, x: Value, chosen: Value, kernel: Ints, sizes: Ints, part: str = "", begins: Ints = ()) -> Value:
    """Return a map of `sizes` with the numbers of x at the chosen places of their windows, cropped by `begins`."""
    zero = net.constant(0.0, "zero")
    begins = begins or (0,) * len(kernel)
    ends = tuple(begin + size - extent for begin, size, extent in zip(begins, sizes, chosen.shape[2:], strict=True))
    is_whole = not (any(begins) or any(ends))
    y = net.add("Where", chosen, spread(net, x, kernel, "spread"), zero, part=part if is_whole else "placed")
    return y if is_whole else net.add(Pad(pads=(0, 0, *(-begin for begin in begins), 0, 0, *ends)), y, part=part)


def spread(net: Net, value: Value, kernel: Ints, part: str) -> Value:
    """Repeat each number over its window."""
    return net.add(Resize(scales=(1.0, 1.0, *map(float, kernel)), mode="nearest"), value, part=part)
