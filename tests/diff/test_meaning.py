from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.diff.difference import diff
from pipeline.diff.meaning import same_operation
from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import run
from pipeline.graph.values import Graph, Origin


def single(operator: str, taken: tuple[int, ...], *weights: np.ndarray | None, **attributes: Any) -> Graph:
    net = Builder("net")
    x = net.input("x", taken)
    with net.at("n", Origin("n", "")):
        values = [None if w is None else net.weight(w, f"w{i}") for i, w in enumerate(weights)]
        return net.finish([net.add(operator, x, *values, **attributes)])


def pool(operator: str, size: int, end: int, ceil: int, **more: Any) -> Graph:
    if operator == "MaxPool":
        more["dilations"] = (1,)
    attributes = {"kernel_shape": (3,), "strides": (2,), "pads": (0, end), "ceil_mode": ceil}
    return single(operator, (1, 2, size), **attributes, **more)


def same(a: Graph, b: Graph) -> bool:
    return same_operation(a.nodes[0], b.nodes[0])


def test_windows_past_the_end_are_the_same_however_they_are_asked_for() -> None:
    assert same(pool("MaxPool", 6, 0, 1), pool("MaxPool", 6, 1, 0))
    assert not same(pool("MaxPool", 6, 0, 1), pool("MaxPool", 6, 0, 0))


def test_averages_are_the_same_where_they_divide_by_the_same() -> None:
    assert same(pool("AveragePool", 7, 0, 0, count_include_pad=0), pool("AveragePool", 7, 0, 0, count_include_pad=1))
    assert not same(
        pool("AveragePool", 6, 1, 0, count_include_pad=0), pool("AveragePool", 6, 1, 0, count_include_pad=1)
    )


@pytest.mark.parametrize("size", range(3, 9))
@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool"])
def test_poolings_of_one_meaning_compute_the_same(operator: str, size: int, end: int, ceil: int) -> None:
    more = {"count_include_pad": 1} if operator == "AveragePool" else {}
    a, b = pool(operator, size, end, ceil, **more), pool(operator, size, 0, 1)
    x = np.random.default_rng(size).standard_normal((1, 2, size)).astype(np.float32)
    computed = [run(graph, [x])[0] for graph in (a, b)]
    equal = computed[0].shape == computed[1].shape and np.array_equal(*computed)
    assert same(a, b) == equal


def test_reshapes_to_one_shape_are_the_same() -> None:
    assert same(single("Flatten", (2, 3, 4), axis=1), single("Reshape", (2, 3, 4), shape=(0, -1)))


def test_a_number_is_the_float32_that_files_keep() -> None:
    assert same(single("LeakyRelu", (1,), alpha=0.1), single("LeakyRelu", (1,), alpha=float(np.float32(0.1))))
    assert not same(single("LeakyRelu", (1,), alpha=0.1), single("LeakyRelu", (1,), alpha=0.11))


def normalization(epsilon: float, scale: float = 2.0) -> Graph:
    """A batch normalisation whose variance makes up for epsilon."""
    numbers = [np.full(3, number, np.float32) for number in (scale, 0.5, 0.25, 1.0 - epsilon)]
    return single("BatchNormalization", (2, 3, 4), *numbers, epsilon=epsilon)


def test_batch_normalisations_with_the_same_factor_and_summand_are_the_same() -> None:
    assert diff(normalization(0.0), normalization(0.125)).same
    found = diff(normalization(0.0), normalization(0.0, scale=2.5), run=False)
    assert [(change.what, change.where) for change in found.changes] == [
        ("weight", "n, factor"),
        ("weight", "n, summand"),
    ]


def test_another_epsilon_is_told_by_what_it_does() -> None:
    a = single("BatchNormalization", (2, 3), None, None, np.zeros(3), np.ones(3), epsilon=1e-5)
    b = single("BatchNormalization", (2, 3), None, None, np.zeros(3), np.ones(3), epsilon=1e-1)
    assert not diff(a, b, run=False).same


def sliced(apart: bool) -> Graph:
    """A pooling of two windows, or one of three windows with the last one cut off."""
    net = Builder("net")
    x = net.input("x", (1, 2, 6))
    with net.at("p", Origin("p", "")):
        window = {"kernel_shape": (3,), "strides": (2,), "pads": (0, 0), "dilations": (1,)}
        if not apart:
            return net.finish([net.add("MaxPool", x, ceil_mode=0, **window)])
        y = net.add("MaxPool", x, part="whole", ceil_mode=1, **window)
        return net.finish([net.add("Slice", y, axes=(2,), starts=(0,), ends=(2,))])


def test_a_node_that_changed_beside_a_new_one_is_written_differently() -> None:
    found = diff(sliced(False), sliced(True))
    assert {change.what for change in found.changes} == {"removed", "added"}
    assert found.same
    assert not diff(sliced(False), sliced(True), run=False).same
