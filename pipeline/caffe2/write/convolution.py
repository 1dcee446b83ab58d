"""Convolutions and their relatives."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.caffe2.write.builder import Array, Caffe2Builder, writes
from pipeline.caffe2.write.steps import crop, crop_ends, pad, reshape
from pipeline.graph.operators import Conv, ConvTranspose, Im2Col, LocallyConnected
from pipeline.graph.values import Node, Shape, Value

Ints = tuple[int, ...]


@writes(Conv)
def conv(node: Node[Conv], net: Caffe2Builder) -> None:
    """Conv over 1, 2 or 3 axes, with lists for its geometry."""
    grouped = {"group": node.operator.group} if node.operator.group > 1 else {}
    net.give(
        "Conv",
        *net.blobs(node.inputs),
        kernels=node.operator.kernel_shape,
        strides=node.operator.strides,
        pads=node.operator.pads,
        dilations=node.operator.dilations,
        **grouped,
    )


@dataclass(frozen=True, slots=True)
class _Transposed:
    """The geometry of a ConvTranspose, and its changes for Caffe2."""

    kernel: Ints
    strides: Ints
    pads: Ints
    dilations: Ints
    output_padding: Ints

    @staticmethod
    def of(op: ConvTranspose) -> _Transposed:
        return _Transposed(op.kernel_shape, op.strides, op.pads, op.dilations, op.output_padding)

    def lifted(self) -> _Transposed:
        """Return the geometry with an axis of size 1 before its only axis."""
        (begin, end), one = self.pads, (1,)
        return _Transposed(
            one + self.kernel, one + self.strides, (0, begin, 0, end), one + self.dilations, (0, *self.output_padding)
        )

    def settled(self) -> _Transposed:
        """Return the geometry with the output padding subtracted from the pads at the ends, as far as possible."""
        axes = len(self.kernel)
        less = tuple(min(pair) for pair in zip(self.output_padding, self.pads[axes:], strict=True))
        ends = tuple(end - x for end, x in zip(self.pads[axes:], less, strict=True))
        rest = tuple(more - x for more, x in zip(self.output_padding, less, strict=True))
        return replace(self, pads=self.pads[:axes] + ends, output_padding=rest)

    def spread(self, w: Array) -> tuple[_Transposed, Array]:
        """Return geometry and kernel with zeros for dilation in it, and for output padding of a stride at its end."""
        after = tuple(
            more if more >= stride else 0 for more, stride in zip(self.output_padding, self.strides, strict=True)
        )
        window = tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))
        size = tuple(a + b for a, b in zip(window, after, strict=True))
        if size == self.kernel:
            return self, w
        spread: Array = np.zeros(w.shape[:2] + size, w.dtype)
        places = tuple(slice(0, n, d) for n, d in zip(window, self.dilations, strict=True))
        spread[(slice(None), slice(None), *places)] = w
        left = tuple(0 if a else more for a, more in zip(after, self.output_padding, strict=True))
        return replace(self, kernel=size, dilations=(1,) * len(size), output_padding=left), spread

    def arguments(self) -> dict[str, Ints]:
        return {"kernels": self.kernel, "strides": self.strides, "pads": self.pads, "adjs": self.output_padding}


@writes(ConvTranspose)
def conv_transpose(node: Node[ConvTranspose], net: Caffe2Builder) -> None:
    """ConvTranspose over two axes and without groups or dilation; all others are made of it, or of Conv.

    One axis becomes two. Dilation becomes zeros in the kernel. Groups are split and concatenated, since 1.0.1
    ignores `group`. Three axes are a Conv over an input with zeros between its numbers.
    """
    geometry = _Transposed.of(node.operator).settled()
    if len(geometry.kernel) == 3:
        _conv_transpose_3d(node, net, geometry)
        return
    x, w = node.input(0), node.input(1)
    blob = net.blob(x)
    shape = w.shape
    if len(geometry.kernel) == 1:
        geometry, shape = geometry.lifted(), (*w.shape[:2], 1, w.shape[2])
        blob = net.step("ExpandDims", blob, part="expanded", dims=(2,))
    array = net.array(w)
    kernels: Array | None = None
    if array is not None:
        geometry, kernels = geometry.spread(array.reshape(shape))
    elif max(geometry.dilations) > 1 or any(
        o >= s for o, s in zip(geometry.output_padding, geometry.strides, strict=True)
    ):
        net.refuse("Caffe2 has no dilated ConvTranspose, and the kernel is computed, so no zeros can be put into it")
    filters = _filters(node, net, w, shape, kernels)
    _grouped(node, net, blob, filters, geometry.arguments(), lifted=len(w.shape) == 3)


def _filters(node: Node[ConvTranspose], net: Caffe2Builder, w: Value, shape: Shape, kernels: Array | None) -> list[str]:
    """Return the blob of the kernel, or one for each group."""
    group = node.operator.group
    array = net.array(w)
    if group == 1:
        changed = kernels is not None and array is not None and kernels.shape != shape
        return [net.constant(kernels, "kernel") if kernels is not None and changed else net.shaped(w, shape)]
    if kernels is not None:
        return [net.constant(part, f"kernel{i}") for i, part in enumerate(np.split(kernels, group))]
    parts = [net.unique(f"{node.output.name}_kernel{i}") for i in range(group)]
    net.op("Split", [net.shaped(w, shape)], parts, axis=0, split=(shape[0] // group,) * group)
    return parts


def _grouped(node: Node, net: Caffe2Builder, x: str, filters: list[str], how: dict[str, Ints], *, lifted: bool) -> None:
    """Add a ConvTranspose for each group, the bias, and if `lifted` a Reshape to the rank of the output."""
    bias = [net.blob(node.input(2))] if node.has_input(2) else []
    if len(filters) == 1:
        steps = [("Squeeze", {"dims": (2,)})] if lifted else []
        if not steps:
            net.give("ConvTranspose", x, filters[0], *bias, **how)
        else:
            net.through(net.step("ConvTranspose", x, filters[0], *bias, part="lifted", **how), steps)
        return
    count, channels = len(filters), node.input(0).shape[1]
    name = node.output.name
    parts = [net.unique(f"{name}_input{i}") for i in range(count)]
    net.op("Split", [x], parts, axis=1, split=(channels // count,) * count)
    made = [
        net.step("ConvTranspose", part, kernel, part=f"group{i}", **how)
        for i, (part, kernel) in enumerate(zip(parts, filters, strict=True))
    ]
    whole = net.unique(f"{name}_groups") if bias or lifted else name
    net.op("Concat", made, [whole], axis=1)
    if bias and lifted:
        whole = net.step("Add", whole, *bias, part="lifted", broadcast=1, axis=1)
    elif bias:
        net.give("Add", whole, *bias, broadcast=1, axis=1)
    if lifted:
        net.give("Squeeze", whole, dims=(2,))


def _conv_transpose_3d(node: Node[ConvTranspose], net: Caffe2Builder, geometry: _Transposed) -> None:
    """Insert zeros between the numbers of the input, and convolve with the reversed kernel."""
    x, w, group = node.input(0), node.input(1), node.operator.group
    array = net.array(w)
    if array is None:
        net.refuse("Caffe2 has no 3-D ConvTranspose, and the kernel is computed, so it cannot be turned round")
    maps, axes = w.shape[1], range(3)
    turned = array.reshape(group, w.shape[0] // group, maps, *geometry.kernel).swapaxes(1, 2)
    turned = turned.reshape(group * maps, w.shape[0] // group, *geometry.kernel)[:, :, ::-1, ::-1, ::-1]
    window = [(k - 1) * d for k, d in zip(geometry.kernel, geometry.dilations, strict=True)]
    begins = [window[i] - geometry.pads[i] for i in axes]
    ends = [window[i] - geometry.pads[i + 3] + geometry.output_padding[i] for i in axes]
    blob, shape = _with_zeros_between(net, x, geometry.strides)
    cropped = [(max(0, -begins[i]), shape[i + 2] - max(0, -ends[i])) for i in axes]
    blob = net.through(blob, crop(shape, [(0, shape[0]), (0, shape[1]), *cropped]), "cropped")
    bias = [net.blob(node.input(2))] if node.has_input(2) else []
    how: dict[str, Any] = {"group": group} if group > 1 else {}
    net.give(
        "Conv",
        blob,
        net.constant(turned, "kernel"),
        *bias,
        kernels=geometry.kernel,
        strides=(1, 1, 1),
        pads=tuple(max(0, number) for number in begins + ends),
        dilations=geometry.dilations,
        **how,
    )


def _with_zeros_between(net: Caffe2Builder, x: Value, strides: Ints) -> tuple[str, Shape]:
    """Return x with stride - 1 zeros between the places of each spatial axis, and its shape."""
    blob, shape = net.blob(x), x.shape
    for axis, stride in enumerate(strides, 2):
        if stride == 1:
            continue
        before, after = math.prod(shape[: axis + 1]), math.prod(shape[axis + 1 :])
        spread = (*shape[:axis], shape[axis] * stride, *shape[axis + 1 :])
        needed = (*shape[:axis], (shape[axis] - 1) * stride + 1, *shape[axis + 1 :])
        steps = [
            *reshape(shape, (before, 1, 1, after)),
            *pad((before, 1, 1, after), (0, 0, 0, 0), (0, 0, stride - 1, 0)),
            *reshape((before, 1, stride, after), spread),
            *crop_ends(spread, needed),
        ]
        blob, shape = net.through(blob, steps, f"spread{axis}"), needed
    return blob, shape


@writes(LocallyConnected)
def locally_connected(node: Node[LocallyConnected], net: Caffe2Builder) -> None:
    """LC, whose bias has the channel last."""
    inputs = net.blobs(node.inputs[:2])
    if node.has_input(2):
        bias = node.input(2)
        array = net.array(bias)
        turned = (1, 2, 0)
        if array is None:
            inputs.append(net.step("Transpose", net.blob(bias), part="bias", axes=turned))
        else:
            inputs.append(net.constant(array.transpose(turned), "bias"))
    net.give("LC", *inputs, kernels=node.operator.kernel_shape, strides=node.operator.strides, pads=node.operator.pads)


@writes(Im2Col)
def im2col(node: Node[Im2Col], net: Caffe2Builder) -> None:
    """Im2Col of an input padded before, since its own `pad` is the same on all sides."""
    x = node.input(0)
    (kernel_h, kernel_w), (stride_h, stride_w) = node.operator.kernel_shape, node.operator.strides
    dilation_h, dilation_w = node.operator.dilations
    top, left, bottom, right = node.operator.pads
    even = top == left == bottom == right
    padding = [] if even else pad(x.shape, (0, 0, top, left), (0, 0, bottom, right))
    net.give(
        "Im2Col",
        net.through(net.blob(x), padding, "padded"),
        kernel_h=kernel_h,
        kernel_w=kernel_w,
        stride_h=stride_h,
        stride_w=stride_w,
        dilation_h=dilation_h,
        dilation_w=dilation_w,
        pad=top if even else 0,
    )
