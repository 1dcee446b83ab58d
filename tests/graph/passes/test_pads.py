from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.graph import serialization
from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import evaluate, run
from pipeline.graph.operators import ShapeError
from pipeline.graph.passes import apply
from pipeline.graph.passes.pads import explicit_pads
from pipeline.graph.values import Graph
from tests.support import numbers, operators


def pooling(operator: str, size: int, kernel: int, stride: int, pad: int, **further: int) -> Graph:
    net = Builder()
    x = net.input("x", (2, 3, size, size + 1))
    how = {"kernel_shape": (kernel,) * 2, "strides": (stride,) * 2, "pads": (pad,) * 4, "ceil_mode": 1, **further}
    return net.finish([net.add(operator, x, name="pool", **how)])


@pytest.mark.parametrize(
    ("operator", "further"),
    [
        ("MaxPool", {"dilations": (1, 1)}),
        ("MaxPool", {"dilations": (2, 1)}),
        ("AveragePool", {"count_include_pad": 0}),
        ("AveragePool", {"count_include_pad": 1}),
    ],
)
def test_any_pooling_that_rounds_up_computes_the_same_without(operator: str, further: dict[str, int]) -> None:
    tried = 0
    for size in (5, 6, 7):
        for kernel in (1, 2, 3):
            for stride in (1, 2, 3):
                for pad in range(kernel):
                    try:
                        graph = pooling(operator, size, kernel, stride, pad, **further)
                    except ShapeError:
                        continue
                    explicit = explicit_pads(graph)
                    assert not any(node.operator.attributes.get("ceil_mode") for node in explicit.nodes)
                    x = [numbers(2, 3, size, size + 1)]
                    np.testing.assert_array_equal(run(explicit, x)[0], run(graph, x)[0])
                    assert all(array.shape == value.shape for value, array in evaluate(explicit, x))
                    tried += 1
    assert tried > 40


@pytest.mark.parametrize("sizes", [(7,), (5, 7, 8)])
def test_pooling_over_one_and_three_axes_computes_the_same_without_rounding_up(sizes: tuple[int, ...]) -> None:
    net, axes = Builder(), len(sizes)
    how = {"kernel_shape": (2,) * axes, "strides": (2,) * axes, "pads": (0,) * 2 * axes, "dilations": (1,) * axes}
    graph = net.finish([net.add("MaxPool", net.input("x", (2, 3, *sizes)), ceil_mode=1, name="pool", **how)])
    x = [numbers(2, 3, *sizes)]
    np.testing.assert_array_equal(run(explicit_pads(graph), x)[0], run(graph, x)[0])


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("ends", [(-1, -2), (-1, 0), (-3, 1)])
def test_pooling_that_leaves_out_the_end_of_an_axis_still_does(ends: tuple[int, int], stride: int) -> None:
    graph = pooling("MaxPool", 8, 2, stride, 0, pads=(0, 0, *ends), dilations=(1, 1))
    x = [numbers(2, 3, 8, 9)]
    np.testing.assert_array_equal(run(explicit_pads(graph), x)[0], run(graph, x)[0])


def test_an_average_over_less_than_all_of_an_axis_is_still_one_that_can_be_kept(tmp_path: Path) -> None:
    graph = explicit_pads(pooling("AveragePool", 6, 2, 3, 0))
    serialization.write(graph, tmp_path)
    assert serialization.read(tmp_path).nodes == graph.nodes


def test_what_is_changed_is_told_as_the_attributes_that_are_others() -> None:
    graph = pooling("MaxPool", 7, 2, 2, 0, dilations=(1, 1))
    _, (change,) = apply(graph, ["explicit_pads"])
    assert (change.by, change.node, change.operator) == ("explicit_pads", "pool", "MaxPool")
    assert change.what == "ceil_mode 1 -> 0, pads (0, 0, 0, 0) -> (0, 0, 1, 0)"


def test_counted_padding_becomes_a_node_where_the_last_window_reaches_behind_it() -> None:
    graph = pooling("AveragePool", 6, 3, 2, 1, count_include_pad=1)
    explicit, changes = apply(graph, ["explicit_pads"])
    assert operators(explicit) == ["Pad", "AveragePool"]
    assert [change.what for change in changes if change.operator == "Pad"] == ["added"]


def test_counted_padding_stays_where_the_last_window_ends_with_it() -> None:
    graph = pooling("AveragePool", 6, 3, 1, 1, count_include_pad=1)
    assert operators(explicit_pads(graph)) == ["AveragePool"]


def test_pooling_that_rounds_down_stays() -> None:
    graph = pooling("MaxPool", 6, 3, 2, 1, dilations=(1, 1), ceil_mode=0)
    assert apply(graph, ["explicit_pads"]) == (graph, ())
