"""Convolutions, their transpose, and their two relatives."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from pipeline.caffe.write import arithmetic, layers
from pipeline.caffe.write.arithmetic import Operand
from pipeline.caffe.write.builder import Blob, CaffeBuilder, Parameter, writes
from pipeline.caffe.write.padding import padded
from pipeline.graph.operators import Conv, ConvTranspose, Im2Col, LocallyConnected, Window
from pipeline.graph.values import Node

Ints = Sequence[int]


def geometry(kernel: Ints, stride: Ints, pad: Ints, dilation: Ints = ()) -> dict[str, Any]:
    """Return the fields of a window: for two axes one number, or _h and _w if they differ; else one for each axis.

    Other numbers of axes than two select Caffe's own engine, because cuDNN convolves only over two.
    """
    message: dict[str, Any] = {} if len(kernel) == 2 else {"engine": "CAFFE"}
    for name, numbers, default in (("kernel_size", kernel, 0), ("stride", stride, 1), ("pad", pad, 0)):
        if all(number == default for number in numbers):
            continue
        if len(numbers) != 2:
            message[name] = list(numbers)
        elif numbers[0] == numbers[1]:
            message[name] = [numbers[0]]
        else:
            short = name.removesuffix("_size")
            message |= {f"{short}_h": numbers[0], f"{short}_w": numbers[1]}
    if any(number != 1 for number in dilation):
        message["dilation"] = list(dilation) if len(set(dilation)) > 1 else [dilation[0]]
    return message


def _counts(x: Blob, kernel: Ints, stride: Ints, pad: Ints, dilation: Ints) -> tuple[int, ...]:
    """Return the number of windows along each spatial axis (conv_layer.cpp, compute_output_shape)."""
    return tuple(
        (size + 2 * pad[i] - (kernel[i] - 1) * dilation[i] - 1) // stride[i] + 1 for i, size in enumerate(x.shape[2:])
    )


def _group(node: Node[Conv] | Node[ConvTranspose]) -> dict[str, Any]:
    return {"group": node.operator.group} if node.operator.group > 1 else {}


def _bias(node: Node, net: CaffeBuilder) -> Operand | None:
    return net.operand(node.input(2)) if node.has_input(2) else None


def _convolved(
    net: CaffeBuilder,
    kind: str,
    x: Blob,
    shape: Ints,
    weight: Parameter,
    term: Operand | None,
    message: dict[str, Any],
) -> Blob:
    """Return the result of the layer, with its bias in the layer if it is constant, else added afterwards."""
    message = {"num_output": shape[1]} | message
    if isinstance(term, Parameter):
        return net.layer(kind, [x], tuple(shape), parameters=[weight, term], convolution_param=message)
    message |= {"bias_term": False}
    y = net.layer(kind, [x], tuple(shape), parameters=[weight], convolution_param=message)
    return y if term is None else layers.bias(net, y, term, 1)


def _cropped(net: CaffeBuilder, y: Blob, starts: Ints, sizes: Ints) -> Blob:
    """Return y with its spatial axes cut to `sizes`, beginning at `starts`."""
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True), 2):
        y = layers.cut(net, y, axis, start, start + size)
    return y


@writes(Conv)
def conv(node: Node[Conv], net: CaffeBuilder) -> None:
    """Convolution; one with unequal pads on its two sides computes more and is cut, or gets its input padded.

    Windows that start before a stride of the wanted ones' start cannot be cut off.
    """
    x, weight = net.blob(node.input(0)), net.weights(node, 1, "weights")
    op, axes = node.operator, node.operator.axes
    kernel, stride, dilation, begins, ends = op.kernel_shape, op.strides, op.dilations, op.begins, op.ends
    both = tuple(map(max, begins, ends))
    surplus = [more - begin for more, begin in zip(both, begins, strict=True)]
    if any(extra % step for extra, step in zip(surplus, stride, strict=True)):
        x = padded(net, x, [(0, 0), (0, 0), *zip(begins, ends, strict=True)])
        both, surplus = (0,) * axes, [0] * axes
    counts = _counts(x, kernel, stride, both, dilation)
    message = _group(node) | geometry(kernel, stride, both, dilation)
    y = _convolved(net, "Convolution", x, (*node.output.shape[:2], *counts), weight, _bias(node, net), message)
    starts = [extra // step for extra, step in zip(surplus, stride, strict=True)]
    net.give(node, _cropped(net, y, starts, node.output.shape[2:]))


@writes(ConvTranspose)
def conv_transpose(node: Node[ConvTranspose], net: CaffeBuilder) -> None:
    """Deconvolution; zeros at the end of its kernel make the places of output_padding.

    Unequal pads on the two sides take off the smaller one, and the rest is cut.
    """
    x, weight = net.blob(node.input(0)), net.weights(node, 1, "weights")
    op = node.operator
    kernel, stride, dilation, begins = op.kernel_shape, op.strides, op.dilations, op.begins
    ends = [end - more for end, more in zip(op.ends, op.output_padding, strict=True)]
    # Zeros at the end of the kernel extend the output there, so that the pads at both ends may become equal.
    taps = [
        gap // d if gap > 0 and gap % d == 0 else -(min(end, 0) // d)
        for end, d, gap in zip(ends, dilation, (b - e for b, e in zip(begins, ends, strict=True)), strict=True)
    ]
    ends = [end + tap * d for end, tap, d in zip(ends, taps, dilation, strict=True)]
    if any(taps):
        grown = (*weight.shape[:2], *(k + tap for k, tap in zip(kernel, taps, strict=True)))
        after = [(0, 0), (0, 0), *((0, tap) for tap in taps)]
        weight = weight.map(lambda array: np.pad(array, after), grown)
        kernel = grown[2:]
    both = tuple(map(min, begins, ends))
    spatial = [
        (size - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 - 2 * both[i] for i, size in enumerate(x.shape[2:])
    ]
    message = _group(node) | geometry(kernel, stride, both, dilation)
    y = _convolved(net, "Deconvolution", x, (*node.output.shape[:2], *spatial), weight, _bias(node, net), message)
    starts = [begin - less for begin, less in zip(begins, both, strict=True)]
    net.give(node, _cropped(net, y, starts, node.output.shape[2:]))


def windows(node: Node[Window], net: CaffeBuilder) -> Blob:
    """Im2col: every window as channels, (N, C kH kW, OH, OW)."""
    x = net.blob(node.input(0))
    op = node.operator
    kernel, stride, pads, dilation = op.kernel_shape, op.strides, op.pads, op.spacing
    if pads[:2] != pads[2:]:
        x = padded(net, x, [(0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])])
        pads = (0, 0)
    message = geometry(kernel, stride, pads[:2], dilation)
    shape = (x.shape[0], x.shape[1] * prod(kernel), *_counts(x, kernel, stride, pads, dilation))
    return net.layer("Im2col", [x], shape, convolution_param=message)


@writes(Im2Col)
def im2col(node: Node[Im2Col], net: CaffeBuilder) -> None:
    """Im2col."""
    net.give(node, windows(node, net))


@writes(LocallyConnected)
def locally_connected(node: Node[LocallyConnected], net: CaffeBuilder) -> None:
    """Im2col's windows, once for each map, times the weights of their places, summed by a convolution of ones."""
    weight, bias = net.weights(node, 1, "weights"), _bias(node, net)
    columns = windows(node, net)
    n, taps, height, width = columns.shape
    maps = node.output.shape[1]
    repeated = layers.tile(net, layers.reshape(net, columns, (n, 1, taps, height, width)), 1, maps)
    ordered = weight.map(
        lambda array: array.transpose(2, 3, 4, 5, 0, 1).reshape(maps, taps, height, width),
        (maps, taps, height, width),
    )
    ones = Parameter((1, taps), lambda: np.ones((1, taps), np.float32))
    y = layers.matrix_along(net, layers.scale(net, repeated, ordered, 1), 2, ones)
    y = layers.reshape(net, y, node.output.shape)
    net.give(node, y if bias is None else arithmetic.add(net, y, bias))
