"""What a node costs: multiply-adds, parameters, bytes; and how much of the input each value sees."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from pipeline.graph.values import Graph, Node, Value

BYTES = {"float32": 4, "int64": 8, "bool": 1}

MOVING = frozenset(
    {"Cast", "Concat", "DepthToSpace", "Dropout", "Expand", "Flatten", "Gather", "Identity", "Im2Col", "OneHot"}
    | {"Pad", "Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"}
)
# Operators whose output no longer has the places of their input, or looks at all of them.
PLACELESS = frozenset(
    {"DepthToSpace", "Flatten", "Gather", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "InstanceNormalization"}
    | {"LayerNormalization", "MatMul", "MaxRoiPool", "MeanVarianceNormalization", "Reshape", "SpaceToDepth"}
    | {"Squeeze", "TopK", "Transpose", "Unsqueeze"}
)


def _pooling(node: Node) -> int:
    return node.output.size * math.prod(node.ints("kernel_shape"))


def _places(value: Value) -> int:
    """Count the images and the places in them: everything but channels."""
    return value.shape[0] * math.prod(value.shape[2:])


FORMULAS: Mapping[str, Callable[[Node], int]] = {
    "Conv": lambda node: _places(node.output) * node.input(1).size,
    "ConvTranspose": lambda node: _places(node.input(0)) * node.input(1).size,
    "LocallyConnected": lambda node: node.output.shape[0] * node.input(1).size,
    "Gemm": lambda node: node.output.size * node.input(0).shape[0 if node.int("transA") else 1],
    "MatMul": lambda node: node.output.size * node.input(0).shape[-1],
    "MaxPool": _pooling,
    "AveragePool": _pooling,
    "LpPool": _pooling,
    "LRN": lambda node: node.output.size * node.int("size"),
}


def cost(node: Node) -> int:
    """Give the multiply-adds of a node, bias not counted.

    What is no product or window counts an operation for each number read or made, whichever are more;
    operators that only move numbers cost nothing.
    """
    if node.operator in MOVING:
        return 0
    if node.operator in FORMULAS:
        return FORMULAS[node.operator](node)
    return max(node.output.size, *(value.size for value in node.inputs if value is not None))


def parameters(node: Node, graph: Graph) -> int:
    """Give how many numbers of weights a node takes; a weight that several nodes share counts at each."""
    sizes = {value.name: value.size for value in node.inputs if value is not None}
    return sum(size for name, size in sizes.items() if name in graph.weights)


def activation_bytes(node: Node) -> int:
    """Give the bytes of the values that a node makes."""
    return sum(value.size * BYTES[value.dtype] for value in node.outputs)


@dataclass(frozen=True, slots=True)
class Field:
    """What one place of a value sees along one spatial axis of the inputs, padding included.

    `size` places, and its neighbour those that lie `step` further.
    """

    size: Fraction
    step: Fraction


PLACE = Field(Fraction(1), Fraction(1))


def receptive_fields(graph: Graph) -> dict[str, tuple[Field, ...] | None]:
    """Give each value's receptive field along each spatial axis, or None where it is everything or unknown.

    Size and step grow as in Dumoulin and Visin, A guide to convolution arithmetic for deep learning.
    """
    fields: dict[str, tuple[Field, ...] | None] = {
        value.name: (PLACE,) * (value.rank - 2) if value.rank > 2 else None for value in graph.inputs
    }
    for node in graph.nodes:
        taken = [fields[v.name] for v in node.inputs if v is not None and v.name in fields and v.rank > 2]
        known = [field for field in taken if field is not None]
        seen = None
        if known and len(known) == len(taken) and len({len(field) for field in known}) == 1:
            widest = tuple(max(axis, key=lambda field: field.size) for axis in zip(*known, strict=True))
            seen = _through(node, widest)
        fields |= {value.name: seen for value in node.outputs}
    return fields


def _through(node: Node, fields: tuple[Field, ...]) -> tuple[Field, ...] | None:
    """Give the receptive field of a node's output from that of its input."""
    if node.operator in PLACELESS or node.output.rank != len(fields) + 2:
        return None
    if node.operator == "Resize":
        old, new = node.input(0).shape[2:], node.output.shape[2:]
        more = 1 if node.str("mode") == "linear" else 0
        return tuple(
            Field(field.size + more * field.step if n != o else field.size, field.step * o / n)
            for field, o, n in zip(fields, old, new, strict=True)
        )
    if "kernel_shape" not in node.attributes:
        return fields
    kernels, strides = node.ints("kernel_shape"), node.ints("strides")
    dilations = node.ints("dilations") if "dilations" in node.attributes else (1,) * len(kernels)
    if node.operator == "ConvTranspose":
        return tuple(
            Field(field.size + (math.ceil(((k - 1) * d + 1) / s) - 1) * field.step, field.step / s)
            for field, k, d, s in zip(fields, kernels, dilations, strides, strict=True)
        )
    return tuple(
        Field(field.size + (k - 1) * d * field.step, field.step * s)
        for field, k, d, s in zip(fields, kernels, dilations, strides, strict=True)
    )
