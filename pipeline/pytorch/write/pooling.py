"""Pooling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.graph.operators import (
    AveragePool,
    GlobalAveragePool,
    GlobalMaxPool,
    LpPool,
    MaxPool,
    MaxRoiPool,
    Pooling,
    RoundedPooling,
)
from pipeline.graph.operators.pooling import covered_places
from pipeline.graph.values import Node, Shape
from pipeline.pytorch.code import Code, Literal, call, code, infix
from pipeline.pytorch.write.builder import ModuleBuilder, writes
from pipeline.pytorch.write.convolution import alike, but, padded

_LOWEST = float(np.finfo(np.float32).min)


def counted(op: Pooling, shape: Shape, *, ceil_mode: bool) -> tuple[int, ...]:
    """Return the number of PyTorch's windows in an image that is padded at both ends by the begin pads of `op`."""
    counts = []
    for size, extent, stride, pad in zip(shape[2:], op.extents, op.strides, op.begins, strict=True):
        span = size + 2 * pad - extent
        count = (-(-span // stride) if ceil_mode else span // stride) + 1
        counts.append(count - 1 if ceil_mode and (count - 1) * stride >= size + pad else count)
    return tuple(counts)


def _rounded(op: RoundedPooling, node: Node) -> dict[str, Literal] | None:
    """Return the keywords with which PyTorch has the windows of a pooling; None if there are none.

    Keywords that are also right for images of other sizes are preferred.
    """
    if any(2 * pad > size for pad, size in zip(op.begins, op.kernel_shape, strict=True)):
        return None
    for ceil_mode in (bool(op.ceil_mode), not op.ceil_mode):
        if counted(op, node.input(0).shape, ceil_mode=ceil_mode) == node.output.shape[2:]:
            return {**_stride(op), **but(0, padding=op.begins), **({"ceil_mode": True} if ceil_mode else {})}
    return None


def _stride(op: Pooling) -> dict[str, Literal]:
    """Return the stride, unless it is PyTorch's default: the size of the window."""
    return {"stride": alike(op.strides)} if op.strides != op.kernel_shape else {}


def _covering(op: Pooling, node: Node) -> tuple[int, ...]:
    """Return the pads with which the windows of a pooling cover exactly the padded image."""
    shape, counts = node.input(0).shape[2:], node.output.shape[2:]
    axes = zip(shape, counts, op.strides, op.extents, op.begins, strict=True)
    return (*op.begins, *((count - 1) * stride + extent - begin - size for size, count, stride, extent, begin in axes))


@writes(MaxPool)
def max_pool(node: Node[MaxPool], net: ModuleBuilder) -> None:
    """MaxPool; where it would make other windows, the image is padded before."""
    op, x = node.operator, net.read(node.input(0))
    keywords = _rounded(op, node) if _all_look_at_the_image(op, node) else None
    if keywords is None:
        x = padded(x, _covering(op, node), net, _LOWEST)
        keywords = _stride(op)
    keywords |= but(1, dilation=op.dilations)
    net.layer(call(f"nn.MaxPool{op.axes}d", alike(op.kernel_shape), **keywords), x)


def _all_look_at_the_image(op: MaxPool, node: Node) -> bool:
    """Return whether every window has a place in the image, since PyTorch pads with lower numbers than Torch7."""
    axes = zip(node.input(0).shape[2:], node.output.shape[2:], op.strides, op.begins, strict=True)
    return all(
        any(0 <= window * stride - begin + place * d < size for place in range(k))
        for (size, count, stride, begin), k, d in zip(axes, op.kernel_shape, op.dilations, strict=True)
        for window in range(count)
    )


@writes(AveragePool)
def average_pool(node: Node[AveragePool], net: ModuleBuilder) -> None:
    """AvgPool; where it would make other windows, or divide by other numbers, the sums are divided afterwards."""
    op, x, shape = node.operator, net.read(node.input(0)), node.input(0).shape
    divisors, keywords = op.divisors(shape), _rounded(op, node)
    if keywords is not None and min(map(min, divisors)) > 0:
        for count in (op.count_include_pad, 1 - op.count_include_pad):
            if _torch_divisors(op, shape, node.output.shape[2:], count) == divisors:
                keywords |= {} if count or not any(op.begins) else {"count_include_pad": False}
                net.layer(call(f"nn.AvgPool{op.axes}d", alike(op.kernel_shape), **keywords), x)
                return
    plain = call(f"nn.AvgPool{op.axes}d", alike(op.kernel_shape), **_stride(op))
    means = net.layer(plain, padded(x, _covering(op, node), net), part="means")
    share = np.ones((), np.float64)
    for i, places in enumerate(divisors):
        share = share * (op.kernel_shape[i] / np.array(places)).reshape(-1, *(1,) * (op.axes - 1 - i))
    net.give(infix(means, "*", _uniform(share.astype(np.float32), net)))


def _torch_divisors(op: AveragePool, shape: Shape, counts: Sequence[int], padding: int) -> tuple[tuple[int, ...], ...]:
    axes = zip(shape[2:], op.kernel_shape, op.strides, op.begins, counts, strict=True)
    return tuple(covered_places(size, k, stride, pad, pad, n, padding) for size, k, stride, pad, n in axes)


def _uniform(numbers: np.ndarray, net: ModuleBuilder) -> Code:
    """Return numbers as a single one if they are all the same, or else as an array."""
    return code(float(numbers.flat[0])) if len(np.unique(numbers)) == 1 else net.constant(numbers, "share")


@writes(
    LpPool,
    where=lambda node, graph: node.operator.p % 2 == 0 and not any(node.operator.pads) and node.operator.axes < 3,
)
def lp_pool(node: Node[LpPool], net: ModuleBuilder) -> None:
    """LPPool, which takes powers of the numbers, not of their magnitudes."""
    op = node.operator
    layer = call(f"nn.LPPool{op.axes}d", op.p, alike(op.kernel_shape), **_stride(op))
    net.layer(layer, net.read(node.input(0)))


@writes(GlobalAveragePool, GlobalMaxPool, where=lambda node, graph: node.input(0).rank <= 5)
def global_pool(node: Node, net: ModuleBuilder) -> None:
    """Write the adaptive layer that leaves one place."""
    kind = "Avg" if node.operator.name == GlobalAveragePool.name else "Max"
    net.layer(call(f"nn.Adaptive{kind}Pool{node.input(0).rank - 2}d", 1), net.read(node.input(0)))


@writes(MaxRoiPool)
def max_roi_pool(node: Node[MaxRoiPool], net: ModuleBuilder) -> None:
    """Call the function of that name, which the source brings along."""
    x, rois = (net.tensor(node.input(i)) for i in range(2))
    net.give(call("max_roi_pool", x, rois, node.operator.pooled_shape, node.operator.spatial_scale))
