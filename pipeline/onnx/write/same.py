"""Operators that ONNX has under the same name, as far as its runtimes agree on their meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pipeline.graph.operators import (
    LRN,
    AveragePool,
    ConvTranspose,
    GlobalAveragePool,
    GlobalMaxPool,
    GlobalPooling,
    LpNormalization,
    LpPool,
    MaxPool,
    Operator,
    Pad,
    Sum,
    Where,
    Window,
)
from pipeline.graph.values import Graph, Node
from pipeline.onnx.forms import AS_INPUTS, SAME
from pipeline.onnx.write.builder import Array, OnnxBuilder, writes


def write(node: Node, net: OnnxBuilder) -> None:
    """Write the operator with its attributes; those that are inputs in ONNX come after the other inputs."""
    attributes = node.operator.attributes
    inputs = [net.name(value) for value in node.inputs]
    for name in AS_INPUTS.get(type(node.operator), ()):
        array = constant(attributes.pop(name), node.operator.kinds[name], node.input(0).dtype)
        inputs.append(net.constant(array, name))
    net.give(inputs, **attributes)


def constant(value: object, kind: str, dtype: str) -> Array:
    """Return an attribute as a constant: a float of the input's type `dtype`, a list of float32, or integers as int64.

    >>> constant(0.5, "float", "float32"), constant(3, "int", "float32")
    (array(0.5, dtype=float32), array([3]))
    """
    if kind == "float":
        return np.array(value, dtype)
    return np.atleast_1d(np.array(value, np.float32 if kind == "Floats" else np.int64))


def _fits(node: Node[Window], graph: Graph) -> bool:
    """Return whether runtimes accept the pads: none is negative, and no window is only in the padding."""
    window = node.operator
    pairs = zip(window.begins, window.ends, strict=True)
    return all(min(pair) >= 0 and max(pair) < k for pair, k in zip(pairs, window.kernel_shape, strict=True))


def _mirrors_once(node: Node[Pad], graph: Graph) -> bool:
    axes = zip(node.input(0).shape, node.operator.pairs, strict=True)
    return node.operator.mode == "constant" or all(
        min(pair) >= 0 and (max(pair) < size or node.operator.mode == "edge") for size, pair in axes
    )


def _common(node: Node[LRN], graph: Graph) -> bool:
    """Return whether runtimes support the normalisation: over an odd number of channels of images."""
    op = node.operator
    return node.input(0).rank == 4 and op.size % 2 == 1 and min(op.alpha, op.beta) > 0


def _within_stride(node: Node[ConvTranspose], graph: Graph) -> bool:
    pairs = zip(node.operator.output_padding, node.operator.strides, strict=True)
    return all(more < stride for more, stride in pairs)


def _few_axes(node: Node[GlobalPooling], graph: Graph) -> bool:
    return node.input(0).rank <= 5


# The conditions under which operators are written so. Otherwise they are expanded.
_WHERE: Mapping[type[Operator], Callable[[Node[Any], Graph], bool]] = {
    ConvTranspose: _within_stride,
    MaxPool: _fits,
    AveragePool: _fits,
    LpPool: _fits,
    GlobalAveragePool: _few_axes,
    GlobalMaxPool: _few_axes,
    LRN: _common,
    LpNormalization: lambda node, graph: node.operator.p in (1, 2),
    Pad: _mirrors_once,
    Sum: lambda node, graph: node.output.dtype == "float32",
    Where: lambda node, graph: node.output.dtype != "bool",
}

for _operator in SAME:
    writes(_operator, where=_WHERE.get(_operator))(write)
