"""What a node computes, however its attributes and weights express it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.graph.comparison import compare
from pipeline.graph.operators import AveragePool, BatchNormalization, Reshaping, RoundedPooling
from pipeline.graph.values import Graph, Node

Array = np.ndarray[Any, Any]
_ROUNDING = 1e-5  # relative; folding weights in float32 may change them so much


def meaning(node: Node) -> tuple[str, Mapping[str, Any]]:
    """Return the operator of a node and its attributes by meaning.

    A Flatten is a Reshape to its output shape. The windows of a pooling are described by their begin, their number, and
    the divisors of an average. Numbers are rounded to float32, as in files and networks.
    """
    operator = node.operator
    match operator:
        case Reshaping():
            return "Reshape", {"shape": node.output.shape}
        case RoundedPooling():
            return operator.name, _windows(operator, node)
        case BatchNormalization():
            return operator.name, {}  # compared by `affine`
        case _:
            return operator.name, {name: _single(value) for name, value in operator.attributes.items()}


def same_operation(a: Node, b: Node) -> bool:
    """Return whether two nodes compute the same, apart from their weights."""
    return a.operator == b.operator or meaning(a) == meaning(b)


def affine(graph: Graph, node: Node) -> tuple[Array, Array] | None:
    """Return the factor and summand of a BatchNormalization for each channel; None if its weights are computed."""
    values = [node.input(i) if node.has_input(i) else None for i in range(1, 5)]
    if not isinstance(node.operator, BatchNormalization) or not all(
        v is None or v.name in graph.weights for v in values
    ):
        return None
    scale, bias, mean, variance = (None if v is None else graph.weights[v.name].astype(np.float64) for v in values)
    assert mean is not None
    assert variance is not None
    factor = (1.0 if scale is None else scale) / np.sqrt(variance + node.operator.epsilon)
    return factor, (0.0 if bias is None else bias) - mean * factor


def same_affine(before: Graph, after: Graph, a: Node, b: Node) -> bool:
    """Return whether two BatchNormalizations have the same factor and summand, except for rounding.

    Returns True for other nodes, and False if weights are computed.
    """
    old, new = affine(before, a), affine(after, b)
    if old is None or new is None:
        return not isinstance(a.operator, BatchNormalization)
    return all(x.shape == y.shape and compare(y, x).within(_ROUNDING) for x, y in zip(old, new, strict=True))


def _windows(pooling: RoundedPooling, node: Node) -> dict[str, Any]:
    found = {"kernel_shape": pooling.kernel_shape, "strides": pooling.strides, "dilations": pooling.spacing}
    found |= {"begins": pooling.begins, "counts": node.output.shape[2:]}
    if isinstance(pooling, AveragePool):
        return {**found, "divisors": pooling.divisors(node.input(0).shape)}
    return found


def _single(value: Any) -> Any:  # noqa: ANN401 - any attribute
    if isinstance(value, tuple):
        return tuple(map(_single, value))
    if not isinstance(value, float):
        return value
    with np.errstate(over="ignore"):
        return float(np.float32(value))
