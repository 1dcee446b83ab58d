"""Folds constant factors and offsets into the weights of the preceding product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.graph.names import Names
from pipeline.graph.operators import Add, BatchNormalization, Mul, Product
from pipeline.graph.passes.cleanup import with_nodes
from pipeline.graph.passes.registry import PASSES
from pipeline.graph.values import Graph, Node, Value, computes

Array = np.ndarray[Any, Any]
Weights = Mapping[str, Array]
ZERO, ONE = np.zeros(()), np.ones(())


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """y = factor x + offset for each channel (axis 1). Both have shape (C) or (), in float64."""

    factor: Array
    offset: Array


@PASSES.register("fold_batchnorm")
def fold_batchnorm(graph: Graph) -> Graph:
    """Fold BatchNormalization, and Mul and Add with a constant per channel, into the preceding product.

    The output of the product must have no other use. The new weights are computed in float64 and stored in float32.

    Given:
        y = Conv(x, w, b)                    or ConvTranspose, Gemm
        z = BatchNormalization(y, scale, bias, mean, var)
    Result:
        z = Conv(x, w', b')                  w' = w scale / sqrt(var + epsilon)
                                             b' = (b - mean) scale / sqrt(var + epsilon) + bias
    """
    consumers = graph.consumers()
    outputs = {value.name for value in graph.outputs}
    weights = dict(graph.weights)
    taken = Names((*weights, *(value.name for value in (*graph.inputs, *graph.values()))))
    nodes: list[Node] = []
    places: dict[str, int] = {}
    for node in graph.nodes:
        x, affine = _affine(node, weights) or (None, None)
        if x and affine and x.name in places and x.name not in outputs and len(consumers[x.name]) == 1:
            place = places[x.name]
            producer = nodes[place]
            if computes(producer, Product) and (product := _product(producer, weights)):
                arrays = _folded(producer, product, affine)
                values = [
                    Value(taken.claim(f"{node.output.name}_{part}"), array.shape) for part, array in arrays.items()
                ]
                weights |= {value.name: array for value, array in zip(values, arrays.values(), strict=True)}
                nodes[place] = _with_weights(producer, values, node.output)
                places[node.output.name] = place
                continue
        if computes(node, Product):
            places[node.output.name] = len(nodes)
        nodes.append(node)
    return with_nodes(replace(graph, weights=weights), nodes)


def _affine(node: Node, weights: Weights) -> tuple[Value, Affine] | None:
    """Return the input, factor and offset of a node; None if it is not an affine function per channel."""
    match node.operator:
        case BatchNormalization(epsilon=epsilon):
            return _of_batchnorm(node, epsilon, weights)
        case Mul() | Add():
            a, b = node.input(0), node.input(1)
            x, constant = (a, b) if b.name in weights else (b, a)
            if constant.name not in weights or x.name in weights:
                return None
            numbers = _per_channel(weights[constant.name], x, node.output)
            if numbers is None:
                return None
            return x, Affine(numbers, ZERO) if isinstance(node.operator, Mul) else Affine(ONE, numbers)
        case _:
            return None


def _of_batchnorm(node: Node, epsilon: float, weights: Weights) -> tuple[Value, Affine] | None:
    if any(value is not None and value.name not in weights for value in node.inputs[1:]):
        return None
    scale, bias, mean, var = (
        default if value is None else weights[value.name].astype(np.float64)
        for value, default in zip(node.inputs[1:], (ONE, ZERO, ZERO, ONE), strict=True)
    )
    factor = scale / np.sqrt(var + epsilon)
    return node.input(0), Affine(factor, bias - mean * factor)


def _per_channel(constant: Array, x: Value, result: Value) -> Array | None:
    """Return a constant that is broadcast along the channels of x as (C) or (); None for any other."""
    if result.shape != x.shape or constant.ndim > x.rank or x.rank < 2:
        return None
    shape = (1,) * (x.rank - constant.ndim) + constant.shape
    if any(size != 1 for axis, size in enumerate(shape) if axis != 1):
        return None
    return constant.astype(np.float64).reshape(() if shape[1] == 1 else shape[1])


def _product(producer: Node[Product], weights: Weights) -> tuple[Array, Array] | None:
    """Return the weights of a product and its bias, (C) or (); None if they are not such constants."""
    w, bias = producer.input(1), _bias(producer, weights)
    return None if w.name not in weights or bias is None else (weights[w.name], bias)


def _folded(producer: Node[Product], product: tuple[Array, Array], affine: Affine) -> dict[str, Array]:
    """Return the weights of a product that is followed by `affine`, in float32."""
    w, bias = product
    channels = producer.output.shape[1]
    factor = np.broadcast_to(affine.factor, (channels,))
    offset = np.broadcast_to(affine.factor * bias + affine.offset, (channels,))
    folded = {"weight": producer.operator.scaled(w, factor), "bias": offset}
    return {part: array.astype(np.float32) for part, array in folded.items()}


def _with_weights(producer: Node[Product], values: Sequence[Value], result: Value) -> Node:
    plain = producer.operator.with_plain_bias()
    return replace(producer, operator=plain, inputs=(producer.input(0), *values), outputs=(result,))


def _bias(producer: Node[Product], weights: Weights) -> Array | None:
    """Return what a product adds to each channel, as (C) or (); None if that is not a constant per channel."""
    if not producer.has_input(2):
        return ZERO
    value = producer.input(2)
    if value.name not in weights:
        return None
    bias = producer.operator.bias(weights[value.name].astype(np.float64), producer.output.rank)
    return _per_channel(bias, producer.output, producer.output)
