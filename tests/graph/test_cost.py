from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from pipeline.graph.builder import Builder
from pipeline.graph.cost import activation_bytes, parameters, receptive_fields
from pipeline.graph.values import Graph
from tests.support import numbers

WINDOW = {"strides": (2, 2), "pads": (0,) * 4, "dilations": (1, 1)}


def single(operator: str, *shapes: tuple[int, ...], **attributes: Any) -> Graph:
    """A node that takes an input of the first shape, and weights of the others."""
    net = Builder()
    x = net.input("x", shapes[0])
    weights = [net.weight(numbers(*shape, seed=i), name=f"w{i}") for i, shape in enumerate(shapes[1:])]
    return net.finish([net.add(operator, x, *weights, name="y", **attributes)])


@pytest.mark.parametrize(
    ("graph", "operations", "weights"),
    [
        # AlexNet's second convolution as in Krizhevsky et al.: 27 x 27 places, two groups.
        (
            single(
                "Conv",
                (1, 96, 27, 27),
                (256, 48, 5, 5),
                (256,),
                kernel_shape=(5, 5),
                strides=(1, 1),
                pads=(2,) * 4,
                dilations=(1, 1),
                group=2,
            ),
            27 * 27 * 256 * 48 * 25,
            256 * 48 * 25 + 256,
        ),
        (
            single("ConvTranspose", (2, 4, 3, 5), (4, 6, 2, 2), kernel_shape=(2, 2), output_padding=(0, 0), **WINDOW),
            2 * 3 * 5 * 4 * 6 * 4,
            96,
        ),
        (single("Gemm", (2, 3), (4, 3), (4,), transB=1), 2 * 3 * 4, 16),
        (single("MatMul", (5, 2, 3), (3, 4)), 5 * 2 * 3 * 4, 12),
        (single("MaxPool", (1, 2, 6, 4), kernel_shape=(2, 2), **WINDOW), 2 * 3 * 2 * 4, 0),
        (single("LRN", (1, 8, 3, 3), size=5), 72 * 5, 0),
        (single("Relu", (2, 3)), 6, 0),
        (single("GlobalAveragePool", (2, 3, 4, 5)), 120, 0),
        (single("Transpose", (2, 3), perm=(1, 0)), 0, 0),
    ],
)
def test_operations_and_parameters_are_counted(graph: Graph, operations: int, weights: int) -> None:
    (node,) = graph.nodes
    assert node.operator.multiply_adds(node) == operations
    assert parameters(node, graph) == weights


def test_bytes_are_those_of_the_values_made() -> None:
    assert activation_bytes(single("Relu", (2, 3)).nodes[0]) == 24
    assert activation_bytes(single("ArgMax", (2, 3)).nodes[0]) == 24
    assert activation_bytes(single("TopK", (2, 3), k=2).nodes[0]) == 4 * 4 + 4 * 8
    assert activation_bytes(single("IsNaN", (2, 3)).nodes[0]) == 6


def test_a_weight_taken_twice_counts_once_in_a_node() -> None:
    net = Builder()
    x, w = net.input("x", (3,)), net.weight(np.ones(3), name="w")
    graph = net.finish([net.add("Sum", x, w, w, name="y")])
    assert parameters(graph.nodes[0], graph) == 3


def test_receptive_fields_grow_through_windows_and_end_where_places_do() -> None:
    net = Builder()
    x = net.input("x", (1, 3, 33, 33))

    def window(y: Any, operator: str, kernel: int, stride: int, dilation: int, name: str) -> Any:
        weights = [net.weight(numbers(3, 3, kernel, kernel), name=f"{name}_w")] if operator == "Conv" else []
        sizes = {"kernel_shape": (kernel,) * 2, "strides": (stride,) * 2, "dilations": (dilation,) * 2}
        return net.add(operator, y, *weights, pads=(1,) * 4, name=name, **sizes)

    one = window(x, "Conv", 3, 2, 1, "one")
    two = window(one, "MaxPool", 3, 2, 1, "two")
    three = window(two, "Conv", 3, 1, 2, "three")
    beside = window(two, "Conv", 1, 1, 1, "beside")
    pad = net.add("Pad", beside, pads=(0, 0, -1, -1, 0, 0, -3, -3), name="cropped")
    joined = net.add("Concat", three, pad, axis=1, name="joined")
    larger = net.add("Resize", joined, scales=(1, 1, 2, 2), name="larger")
    flat = net.add("Flatten", larger, name="flat")
    fields = receptive_fields(net.finish([net.add("Relu", flat, name="out")]))

    def of(name: str) -> tuple[Fraction, Fraction]:
        found = fields[name]
        assert found is not None
        assert found[0] == found[1]
        return found[0].size, found[0].step

    assert of("one") == (3, 2)
    assert of("two") == (7, 4)
    assert of("three") == (23, 4)
    assert of("beside") == (7, 4)
    assert of("joined") == (23, 4)
    assert of("larger") == (23, 2)
    assert fields["flat"] is None
    assert fields["out"] is None
