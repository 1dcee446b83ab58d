"""Pooling to a fixed size, pooling of features, and the inverse of max pooling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.graph.operators import AveragePool, Concat, Conv, MaxPool, Operator
from pipeline.graph.unpooling import first_of_windows, placed
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module
from pipeline.torch7.modules.convolution import along, begin_pads

Bins = np.ndarray  # (count, 2): where each bin starts and ends


def exact_bins(size: int, count: int) -> Bins:
    """Return bins of an axis, from floor(i size / count) to ceil((i + 1) size / count)."""
    edges = np.arange(count + 1) * size
    return np.stack([edges[:-1] // count, -(-edges[1:] // count)], axis=1)


def rounded_bins(size: int, count: int) -> Bins:
    """Return bins like `exact_bins`, but with the float arithmetic of SpatialAdaptiveMaxPooling.c."""
    edges = np.arange(count + 1).astype(np.float32) / np.float32(count) * np.float32(size)
    return np.stack([np.floor(edges[:-1]), np.ceil(edges[1:])], axis=1).astype(np.int64)


def even(bins: Bins) -> tuple[int, int] | None:
    """Return the kernel and stride of bins that are of equal size and distance, else None."""
    starts, ends = bins.T
    kernel, stride = int(ends[0]), int(starts[1]) if len(bins) > 1 else 1
    regular = (starts == stride * np.arange(len(bins))).all() and (ends == starts + kernel).all()
    return (kernel, stride) if regular else None


Pool = Callable[[tuple[int, int], tuple[int, int]], Operator]  # of a kernel and strides


def max_pool(kernel: tuple[int, int], strides: tuple[int, int]) -> Operator:
    """Return the operator of max pooling without padding."""
    return MaxPool(kernel_shape=kernel, strides=strides, pads=(0, 0, 0, 0), dilations=(1, 1))


def average_pool(kernel: tuple[int, int], strides: tuple[int, int]) -> Operator:
    """Return the operator of average pooling without padding."""
    return AveragePool(kernel_shape=kernel, strides=strides, pads=(0, 0, 0, 0))


def pool_axis(pool: Pool, x: Value, net: Lowering, axis: int, bins: Bins, part: str) -> Value:
    """Return x with each bin along one axis, 2 or 3, pooled."""
    regular = even(bins)
    if regular is not None:
        kernel, stride = regular
        return net.add(pool(_on(axis, kernel), _on(axis, stride)), x, part=part)
    name = "row" if axis == 2 else "column"
    pooled = []
    for i, (start, end) in enumerate(bins.tolist(), 1):
        piece = net.narrow(x, axis, start, end - start, part=f"{name}{i}_bin")
        pooled.append(net.add(pool(_on(axis, end - start), (1, 1)), piece, part=f"{name}{i}"))
    return net.add(Concat(axis=axis), *pooled, part=part)


def _on(axis: int, number: int) -> tuple[int, int]:
    return (number, 1) if axis == 2 else (1, number)


def pool_bins(pool: Pool, x: Value, net: Lowering, rows: Bins, columns: Bins) -> Value:
    """Return x pooled over all pairs of a row bin and a column bin: first the rows, then the columns."""
    vertical, horizontal = even(rows), even(columns)
    if vertical and horizontal:
        return net.add(pool((vertical[0], horizontal[0]), (vertical[1], horizontal[1])), x)
    return pool_axis(pool, pool_axis(pool, x, net, 2, rows, "rows"), net, 3, columns, "")


def bins_of(m: Module, x: Value, net: Lowering) -> tuple[int, int]:
    """Return the number of rows and columns of bins. Raises OverBudget before bins are computed.

    More bins than pixels are uneven, and each of them becomes a node.
    """
    height, width = m.count("H"), m.count("W")
    net.afford(*x.shape[:2], height, width)
    for size, count in zip(x.shape[2:], (height, width), strict=True):
        if count > size:
            net.builder.budget.check("nodes", count, m.origin)
    return height, width


@module("nn.SpatialAdaptiveMaxPooling", rank=4)
def adaptive_max_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """Max pooling to H x W bins, which may overlap by a pixel."""
    height, width = bins_of(m, x, net)
    return pool_bins(max_pool, x, net, rounded_bins(x.shape[2], height), rounded_bins(x.shape[3], width))


@module("nn.SpatialAdaptiveAveragePooling", rank=4)
def adaptive_average_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """Average pooling to H x W bins, which may overlap by a pixel."""
    height, width = bins_of(m, x, net)
    return pool_bins(average_pool, x, net, exact_bins(x.shape[2], height), exact_bins(x.shape[3], width))


@module("nn.FeatureLPPooling")
def feature_lp_pooling(m: Module, x: Value, net: Lowering) -> Value:
    """(sum of x^p)^(1/p) over `width` neighbouring features, the first dimension of a sample."""
    axis, p, width = int(m.flag("batch_mode")), m.float("power"), m.count("width")
    if x.rank <= axis:
        net.misfit(f"at least {axis + 1} dimensions", x)
    rest = int(np.prod(x.shape[axis + 1 :]))
    image = net.reshape(x, (x.shape[0] if axis else 1, 1, x.shape[axis], rest), part="image")
    exponent = net.constant(p, "power")
    powers = net.add("Mul", image, image, part="powers") if p == 2 else net.add("Pow", image, exponent, part="powers")
    means = net.add(average_pool((width, 1), (m.count("stride"), 1)), powers, part="means")
    sums = net.add("Mul", means, net.constant(width, "width"), part="sums")
    roots = (
        net.add("Sqrt", sums, part="roots")
        if p == 2
        else net.add("Pow", sums, net.constant(1 / p, "root"), part="roots")
    )
    return net.reshape(roots, (*x.shape[:axis], roots.shape[2], *x.shape[axis + 1 :]))


@module("nn.SpatialSubSampling", rank=4, sizes=lambda m: {1: len(m.weight())})
def sub_sampling(m: Module, x: Value, net: Lowering) -> Value:
    """The sum of each window times a weight, plus a bias, plane by plane: a convolution with constant kernels."""
    kernel = along(m, "k", "HW")
    planes = len(m.weight())  # a weight of 32 x 2 x 2 is read as 32 numbers too (SpatialSubSampling.c)
    weight = m.weight().reshape(-1)[:planes]
    kernels = np.broadcast_to(weight.reshape(-1, 1, 1, 1), (planes, 1, *kernel))
    return net.add(
        Conv(kernel_shape=kernel, strides=along(m, "d", "HW", 1), pads=(0, 0, 0, 0), dilations=(1, 1), group=planes),
        x,
        net.computed(kernels.shape, lambda: np.ascontiguousarray(kernels)),
        net.weight(m.weight("bias"), "bias"),
    )


@module("nn.SpatialDownSampling", rank=4, unbatched="only")
def down_sampling(m: Module, x: Value, net: Lowering) -> Value:
    """The mean of each block of rH x rW pixels (nnx)."""
    ratio = (m.count("rH"), m.count("rW"))
    return net.add(average_pool(ratio, ratio), x)


def unpool(m: Module, x: Value, net: Lowering, axes: str) -> Value:
    """Put each number at the place where max pooling found it, and zeros elsewhere. Windows must not overlap.

    Of equal numbers, max pooling finds the first (SpatialMaxPooling.c).
    """
    pooling = m.child("pooling")
    source = net.remembered.get(id(pooling.object))
    if source is None:
        net.refuse("undoes a max pooling that has not run before it")
    kernel, begins = along(pooling, "k", axes), begin_pads(pooling, axes)
    if kernel != along(pooling, "d", axes):
        net.refuse("undoes a max pooling whose windows overlap")
    counts = x.shape[2:]
    sizes = tuple(count * k for count, k in zip(counts, kernel, strict=True))
    if len(source.shape) != len(axes) + 2 or source.shape[:2] != x.shape[:2]:
        net.misfit(f"the shape that {pooling.kind} gave", x)
    net.afford(*sizes)
    chosen = first_of_windows(net, source, kernel, counts, begins)
    return placed(net, x, chosen, kernel, source.shape[2:], begins=begins)


@module("nn.SpatialMaxUnpooling", rank=4)
def spatial_max_unpooling(m: Module, x: Value, net: Lowering) -> Value:
    """Undo a SpatialMaxPooling of this network."""
    return unpool(m, x, net, "HW")


@module("nn.VolumetricMaxUnpooling", rank=5)
def volumetric_max_unpooling(m: Module, x: Value, net: Lowering) -> Value:
    """Undo a VolumetricMaxPooling of this network."""
    return unpool(m, x, net, "THW")
