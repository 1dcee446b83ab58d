"""Convolutions, and the relatives that ONNX lacks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pipeline.graph.builder import Builder
from pipeline.graph.expansions.registry import expands
from pipeline.graph.operators import Conv, ConvTranspose, Im2Col, LocallyConnected, Pad, Transpose
from pipeline.graph.values import Node, Value


@expands(ConvTranspose)
def conv_transpose(node: Node[ConvTranspose], net: Builder) -> Value:
    """Of any pads: without them, then zeros that no window covers, then what is cropped, and then the bias."""
    op, none = node.operator, (0,) * node.operator.axes
    plain = replace(op, pads=none + none, output_padding=none)
    y = net.add(plain, node.input(0), node.input(1), part="windows")
    if any(op.output_padding):
        y = net.add(Pad(pads=(0, 0, *none, 0, 0, *op.output_padding)), y, part="padded")
    if any(op.pads):
        y = net.add(Pad(pads=(0, 0, *(-n for n in op.begins), 0, 0, *(-n for n in op.ends))), y, part="cropped")
    if not node.has_input(2):
        return y
    return net.add("Add", y, net.reshape(node.input(2), (-1, *(1,) * op.axes), part="bias"))


@expands(Im2Col)
def im2col(node: Node[Im2Col], net: Builder) -> Value:
    """Of each channel a convolution with as many kernels as a window has places: each is 1 at its own, else 0."""
    x, op = node.input(0), node.operator
    channels, places = x.shape[1], math.prod(op.kernel_shape)
    kernels = np.tile(np.eye(places, dtype=np.float32), (channels, 1)).reshape(-1, 1, *op.kernel_shape)
    window = Conv(**op.attributes, group=channels)  # type: ignore[arg-type]  # the same four
    return net.add(window, x, net.weight(kernels, "places"))


@expands(LocallyConnected)
def locally_connected(node: Node[LocallyConnected], net: Builder) -> Value:
    """Multiply, at each place, its own weights and the windows of the images there."""
    x, w, op = node.input(0), node.input(1), node.operator
    height, width, maps = w.shape[:3]
    windows = Im2Col(kernel_shape=op.kernel_shape, strides=op.strides, pads=op.pads, dilations=(1, 1))
    columns = net.add(Transpose(perm=(2, 3, 1, 0)), net.add(windows, x, part="windows"), part="columns")
    rows = net.reshape(w, (height, width, maps, math.prod(w.shape[3:])), part="rows")
    products = net.add("MatMul", rows, columns, part="products")
    y = net.add(Transpose(perm=(3, 2, 0, 1)), products, part="maps")
    return net.add("Add", y, node.input(2)) if node.has_input(2) else y
