"""The relatives of convolution that ONNX lacks."""

from __future__ import annotations

import math

import numpy as np

from pipeline.graph.builder import Builder
from pipeline.graph.expansions.registry import expands
from pipeline.graph.operators import Conv, Im2Col, LocallyConnected, Transpose
from pipeline.graph.values import Node, Value


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
