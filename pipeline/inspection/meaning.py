"""What a node computes, apart from how its attributes and weights say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.graph.comparison import compare
from pipeline.graph.operators.pooling import covered_places
from pipeline.graph.values import Graph, Node

Array = np.ndarray[Any, Any]
# These differ in how they say what shape they give, and in nothing else.
_RESHAPING = frozenset({"Flatten", "Reshape", "Squeeze", "Unsqueeze"})
_ROUNDING = 1e-5  # what folding weights in float32 may change, relative


def meaning(node: Node) -> tuple[str, Mapping[str, Any]]:
    """Give the operator of a node and its attributes by meaning.

    A Flatten is a Reshape to the shape it gives. The windows of a pooling are told by where they begin, how many
    there are, and what an average divides by. A number is the float32 that files keep and networks use.
    """
    if node.operator in _RESHAPING:
        return "Reshape", {"shape": node.output.shape}
    attributes = {name: _single(value) for name, value in node.attributes.items()}
    if node.operator in ("MaxPool", "AveragePool"):
        return node.operator, _windows(node, attributes)
    if node.operator == "BatchNormalization":
        return node.operator, {}  # see `affine`
    return node.operator, attributes


def same_operation(a: Node, b: Node) -> bool:
    """Tell whether two nodes compute the same, weights apart."""
    return (a.operator, a.attributes) == (b.operator, b.attributes) or meaning(a) == meaning(b)


def affine(graph: Graph, node: Node) -> tuple[Array, Array] | None:
    """Give the factor and the summand of a BatchNormalization for each channel; None where its weights are computed."""
    values = [node.input(i) if node.has_input(i) else None for i in range(1, 5)]
    if node.operator != "BatchNormalization" or not all(v is None or v.name in graph.weights for v in values):
        return None
    scale, bias, mean, variance = (None if v is None else graph.weights[v.name].astype(np.float64) for v in values)
    assert mean is not None
    assert variance is not None
    factor = (1.0 if scale is None else scale) / np.sqrt(variance + node.float("epsilon"))
    return factor, (0.0 if bias is None else bias) - mean * factor


def same_affine(before: Graph, after: Graph, a: Node, b: Node) -> bool:
    """Tell whether two nodes that may be BatchNormalizations have the same factor and summand, but for rounding."""
    old, new = affine(before, a), affine(after, b)
    if old is None or new is None:
        return a.operator != "BatchNormalization"
    return all(x.shape == y.shape and compare(y, x).within(_ROUNDING) for x, y in zip(old, new, strict=True))


def _windows(node: Node, attributes: Mapping[str, Any]) -> dict[str, Any]:
    kernels, strides, pads = (node.ints(name) for name in ("kernel_shape", "strides", "pads"))
    axes = len(kernels)
    sizes, counts = node.input(0).shape[2:], node.output.shape[2:]
    found = {name: attributes[name] for name in ("kernel_shape", "strides", "dilations") if name in attributes}
    found |= {"begins": pads[:axes], "counts": counts}
    if node.operator == "AveragePool":
        found["divisors"] = tuple(
            covered_places(sizes[i], kernels[i], strides[i], pads[i], pads[i + axes], counts[i], padding)
            for i in range(axes)
            for padding in [node.int("count_include_pad")]
        )
    return found


def _single(value: Any) -> Any:  # noqa: ANN401 - any attribute
    if isinstance(value, tuple):
        return tuple(map(_single, value))
    if not isinstance(value, float):
        return value
    with np.errstate(over="ignore"):
        return float(np.float32(value))
