"""Max pooling undone: each number back where the largest of its window was, zeros elsewhere."""

from __future__ import annotations

import numpy as np

from pipeline.graph.builder import Builder
from pipeline.graph.operators import MaxPool, Pad, Resize
from pipeline.graph.values import Value

LEAST = float(np.finfo(np.float32).min)
Ints = tuple[int, ...]


def first_of_windows(net: Builder, source: Value, kernel: Ints, counts: Ints) -> Value:
    """Return where, in each of `counts` windows side by side, the largest number stands: of equals, the first.

    The result is of bools, and as large as the windows, whose last may reach beyond the source (N, C, sizes...). A
    place holds a number that falls along its window where it equals the window's largest; the largest of those wins.
    """
    ends = tuple(count * k - size for count, k, size in zip(counts, kernel, source.shape[2:], strict=True))
    if any(ends):
        source = net.add(Pad(pads=(0,) * (len(kernel) + 4) + ends, value=LEAST), source, part="windows")
    axes = len(kernel)
    tiles = MaxPool(kernel_shape=kernel, strides=kernel, pads=(0,) * 2 * axes, dilations=(1,) * axes)
    largest = spread(net, net.add(tiles, source, part="largest"), kernel, "largest_spread")
    order = np.arange(np.prod(kernel), 0, -1, dtype=np.float32).reshape(kernel)
    falling = net.weight(np.tile(order, counts), "order")
    is_largest = net.add("GreaterOrEqual", source, largest, part="is_largest")
    ordered = net.add("Where", is_largest, falling, net.constant(0.0, "none"), part="ordered")
    first = spread(net, net.add(tiles, ordered, part="first"), kernel, "first_spread")
    return net.add("GreaterOrEqual", ordered, first, part="chosen")


def placed(net: Builder, x: Value, chosen: Value, kernel: Ints, sizes: Ints, part: str = "") -> Value:
    """Return x's numbers at the chosen places of their windows, in a map of `sizes`."""
    zero = net.constant(0.0, "zero")
    ends = tuple(size - extent for size, extent in zip(sizes, chosen.shape[2:], strict=True))
    whole = part if not any(ends) else "placed"
    y = net.add("Where", chosen, spread(net, x, kernel, "spread"), zero, part=whole)
    return net.add(Pad(pads=(0,) * (len(kernel) + 4) + ends), y, part=part) if any(ends) else y


def spread(net: Builder, value: Value, kernel: Ints, part: str) -> Value:
    """Repeat each number over its window."""
    return net.add(Resize(scales=(1.0, 1.0, *map(float, kernel)), mode="nearest"), value, part=part)
