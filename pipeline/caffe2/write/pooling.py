"""Pooling. The number of windows is known from the static input size, so no rounding mode is needed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pipeline.caffe2.write.builder import Caffe2Builder, Step, writes
from pipeline.caffe2.write.steps import crop_ends, pad, reshape
from pipeline.graph.operators import AveragePool, GlobalAveragePool, GlobalMaxPool, LpPool, MaxPool, MaxRoiPool, Pooling
from pipeline.graph.values import Graph, Node, Shape

Ints = tuple[int, ...]
LOWEST = float(np.finfo(np.float32).min)


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows over the spatial axes: exactly `counts` with these pads, after cropping the input to `shape`."""

    shape: Shape
    kernel: Ints
    strides: Ints
    begins: Ints
    ends: Ints
    counts: Ints

    @staticmethod
    def over(shape: Shape, kernel: Ints, strides: Ints, begins: Ints, counts: Ints) -> Windows:
        """Return windows with the pads at the end that give `counts` by Caffe2's rule, which rounds down.

        If the last window ends a stride or more before the input, the rest of the input is cropped.
        """
        sizes, ends = [], []
        for size, k, stride, begin, count in zip(shape[2:], kernel, strides, begins, counts, strict=True):
            need = (count - 1) * stride + k - begin - size
            sizes.append(size if need > -stride else size + need)
            ends.append(max(0, need))
        return Windows((*shape[:2], *sizes), kernel, strides, begins, tuple(ends), counts)

    @property
    def fit(self) -> bool:
        """Return whether Caffe2 accepts the pads: each must be smaller than the kernel."""
        return all(max(pair) < k for *pair, k in zip(self.begins, self.ends, self.kernel, strict=True))

    @property
    def arguments(self) -> dict[str, Ints]:
        """Return the arguments of a pooling operator."""
        return {"kernels": self.kernel, "strides": self.strides, "pads": self.begins + self.ends}

    def padded(self, value: float) -> tuple[list[Step], Windows]:
        """Return steps that pad the input, and windows without pads for it."""
        steps = pad(self.shape, (0, 0, *self.begins), (0, 0, *self.ends), value=value)
        sizes = (size + sum(ends) for size, *ends in zip(self.shape[2:], self.begins, self.ends, strict=True))
        zeros = (0,) * len(self.kernel)
        return steps, Windows((*self.shape[:2], *sizes), self.kernel, self.strides, zeros, zeros, self.counts)


def _windows(node: Node[Pooling]) -> Windows:
    pooling, shape = node.operator, node.input(0).shape
    return Windows.over(shape, pooling.extents, pooling.strides, pooling.begins, node.output.shape[2:])


def _dense(node: Node[MaxPool], graph: Graph) -> bool:
    return node.operator.extents == node.operator.kernel_shape


@writes(MaxPool, where=_dense)
def max_pool(node: Node[MaxPool], net: Caffe2Builder) -> None:
    """MaxPool with pads of its own on each side."""
    x, windows = node.input(0), _windows(node)
    steps = crop_ends(x.shape, windows.shape)
    if not windows.fit:
        padding, windows = windows.padded(LOWEST)
        steps += padding
    net.through(net.blob(x), [*steps, ("MaxPool", windows.arguments)])


@writes(AveragePool)
def average_pool(node: Node[AveragePool], net: Caffe2Builder) -> None:
    """AveragePool, which divides by the places inside its input: pads that count are put there before.

    1.0.1 knows no count_include_pad.
    """
    x, kernel, strides, pads = node.input(0), node.operator.kernel_shape, node.operator.strides, node.operator.pads
    axes = len(kernel)
    shape, begins, steps = x.shape, pads[:axes], []
    if node.operator.count_include_pad and any(pads):
        ends = _counted_ends(node, shape)
        steps = pad(shape, (0, 0, *begins), (0, 0, *ends))
        shape = (*shape[:2], *(n + b + e for n, b, e in zip(shape[2:], begins, ends, strict=True)))
        begins = (0,) * axes
    windows = Windows.over(shape, kernel, strides, begins, node.output.shape[2:])
    if not windows.fit:
        net.refuse("a window lies in the padding alone, which has no average")
    net.through(net.blob(x), [*steps, *crop_ends(shape, windows.shape), ("AveragePool", windows.arguments)])


def _counted_ends(node: Node[AveragePool], shape: Shape) -> Ints:
    """Return the pads at the end, but only as far as a window reaches into them."""
    pads, counts = node.operator.pads, node.output.shape[2:]
    axes = len(counts)
    reach = [
        (count - 1) * stride + k - begin - size
        for count, stride, k, begin, size in zip(
            counts, node.operator.strides, node.operator.kernel_shape, pads[:axes], shape[2:], strict=True
        )
    ]
    return tuple(max(0, min(end, needed)) for end, needed in zip(pads[axes:], reach, strict=True))


@writes(LpPool, where=lambda node, graph: node.operator.axes == 2)
def lp_pool(node: Node[LpPool], net: Caffe2Builder) -> None:
    """LpPool, which Caffe2 has over two axes only."""
    x, windows = node.input(0), _windows(node)
    steps = crop_ends(x.shape, windows.shape)
    if not windows.fit:
        padding, windows = windows.padded(0.0)
        steps += padding
    net.through(net.blob(x), [*steps, ("LpPool", {**windows.arguments, "p": float(node.operator.p)})])


@writes(GlobalAveragePool)
def global_average_pool(node: Node, net: Caffe2Builder) -> None:
    """AveragePool with global_pooling."""
    _give_global(node, net, "AveragePool")


@writes(GlobalMaxPool)
def global_max_pool(node: Node, net: Caffe2Builder) -> None:
    """MaxPool with global_pooling."""
    _give_global(node, net, "MaxPool")


def _give_global(node: Node, net: Caffe2Builder, kind: str) -> None:
    x = node.input(0)
    pool: Step = (kind, {"global_pooling": 1})
    if x.rank <= 5:
        net.through(net.blob(x), [pool])
    else:
        flat = (*x.shape[:2], math.prod(x.shape[2:]), 1)
        net.through(net.blob(x), [*reshape(x.shape, flat), pool, *reshape((*x.shape[:2], 1, 1), node.output.shape)])


@writes(MaxRoiPool)
def max_roi_pool(node: Node[MaxRoiPool], net: Caffe2Builder) -> None:
    """RoIPool."""
    height, width = node.operator.pooled_shape
    inputs = net.blobs(node.inputs)
    net.give("RoIPool", *inputs, pooled_h=height, pooled_w=width, spatial_scale=node.operator.spatial_scale, is_test=1)
