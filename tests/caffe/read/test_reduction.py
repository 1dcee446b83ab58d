"""Softmax, Reduction and ArgMax against numpy, and ArgMax against Caffe's own way to search."""

import itertools

import numpy as np
import pytest

from pipeline.errors import InvalidInputError
from tests.caffe.read.nets import layer, result
from tests.support import numbers

SHAPE = (2, 3, 4, 5)
X = numbers(*SHAPE)


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1])
def test_exponentials_sum_to_one_along_an_axis(axis):
    graph = layer("Softmax", "x", param=f"softmax_param {{ axis: {axis} }}", x=SHAPE)
    powers = np.exp(X)
    np.testing.assert_allclose(result(graph, X), powers / powers.sum(axis, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 3, -2])
@pytest.mark.parametrize("factor", [1, -0.5])
@pytest.mark.parametrize(
    ("operation", "reduce"),
    [
        ("SUM", np.sum),
        ("ASUM", lambda x, axes: np.abs(x).sum(axes)),
        ("SUMSQ", lambda x, axes: (x**2).sum(axes)),
        ("MEAN", np.mean),
    ],
)
def test_all_axes_from_one_on_become_a_number(operation, reduce, axis, factor):
    param = f"reduction_param {{ operation: {operation} axis: {axis} coeff: {factor} }}"
    graph = layer("Reduction", "x", param=param, x=SHAPE)
    expected = factor * reduce(X, tuple(range(axis % 4, 4)))
    np.testing.assert_allclose(result(graph, X), expected, rtol=1e-4, atol=1e-5)


def searched(row, count):
    """Return the largest numbers with their places as Caffe sorts pairs: of equal numbers the later place first."""
    return sorted(((number, place) for place, number in enumerate(row)), reverse=True)[:count]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("values", [False, True])
@pytest.mark.parametrize("axis", [1, 2, -1])
def test_the_largest_along_an_axis(axis, values, count, ties):
    x = np.round(X) if ties else X
    param = f"argmax_param {{ axis: {axis} top_k: {count} out_max_val: {str(values).lower()} }}"
    rows = np.moveaxis(x, axis, -1)
    expected = np.empty((*rows.shape[:-1], count), np.float32)
    for place in itertools.product(*map(range, rows.shape[:-1])):
        expected[place] = [pair[0 if values else 1] for pair in searched(rows[place], count)]
    y = result(layer("ArgMax", "x", param=param, x=SHAPE), x)
    np.testing.assert_array_equal(y, np.moveaxis(expected, -1, axis))


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("values", [False, True])
@pytest.mark.parametrize("shape", [(2, 6), (2, 3, 4), SHAPE, (2, 3, 2, 2, 2)])
def test_the_largest_of_each_item(shape, values, count):
    x = np.round(2 * numbers(*shape, seed=3))
    graph = layer("ArgMax", "x", param=f"argmax_param {{ top_k: {count} out_max_val: {str(values).lower()} }}", x=shape)
    pairs = [searched(row, count) for row in x.reshape(2, -1)]
    parts = [[[place for _, place in row] for row in pairs], [[number for number, _ in row] for row in pairs]]
    expected = np.stack(parts[: 1 + values], 1).astype(np.float32)
    assert graph.outputs[0].shape == (2, 1 + values, count, *(1,) * max(0, len(shape) - 3))
    np.testing.assert_array_equal(result(graph, x).reshape(expected.shape), expected)


@pytest.mark.parametrize("param", ["top_k: 0", "top_k: 4 axis: 1", "axis: 4", "top_k: 61"])
def test_what_the_search_does_not_take_is_an_error_of_the_file(param):
    with pytest.raises(InvalidInputError):
        layer("ArgMax", "x", param=f"argmax_param {{ {param} }}", x=SHAPE)
