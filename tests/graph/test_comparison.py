from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.graph.comparison import compare
from tests.support import numbers


@given(arrays(np.float32, (2, 3), elements=st.floats(width=32)))
def test_an_array_equals_itself_with_nan_and_infinities(x: np.ndarray) -> None:
    difference = compare(x, x.copy())
    assert (difference.maximum, difference.relative, difference.where) == (0, 0, None)
    assert difference.mismatched == 0
    assert difference.within(0)


def test_the_largest_difference_is_given_with_its_place() -> None:
    a, b = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
    a[1, 2], b[0, 0], a[0, 0] = 0.5, -4, -4.25
    difference = compare(a, b)
    assert (difference.maximum, difference.where) == (0.5, (1, 2))
    assert difference.relative == 0.125


def test_of_differences_that_are_equally_large_the_first_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.graph.comparison.CHUNK", 2)
    assert compare(np.array([1, 0, 1, 0, 0, 1.0]), np.zeros(6)).where == (0,)


def test_small_numbers_are_compared_absolutely_and_with_the_largest_of_them() -> None:
    difference = compare(np.array([1e-3, 0]), np.array([2e-3, 0]))
    assert difference.relative == pytest.approx(1e-3)
    assert difference.to_largest == pytest.approx(0.5)
    assert compare(np.array([1e-3]), np.array([0.0])).to_largest == inf


@pytest.mark.parametrize(("a", "b"), [(nan, 1), (1, nan), (inf, 1), (inf, -inf), (nan, inf)])
def test_only_one_nan_or_infinity_is_infinitely_far(a: float, b: float) -> None:
    difference = compare(np.array([0, a, 0.0]), np.array([9, b, 0.0]))
    assert (difference.maximum, difference.relative, difference.where) == (inf, inf, (1,))
    assert difference.mismatched == 1


def test_an_infinity_in_both_hides_no_other_difference() -> None:
    difference = compare(np.array([inf, 1.0]), np.array([inf, 2.0]))
    assert (difference.maximum, difference.relative) == (1, 0.5)


def test_other_shapes_are_infinitely_far() -> None:
    assert compare(numbers(2, 3), numbers(3, 2)).relative == inf
    assert compare(numbers(), numbers(1)).relative == inf


def test_empty_scalar_integer_and_bool_arrays_are_compared() -> None:
    assert compare(np.zeros((0, 3)), np.zeros((0, 3))).maximum == 0
    assert compare(np.array(3), np.array(5)).maximum == 2
    assert compare(np.array(3), np.array(5)).where == ()
    assert compare(np.array([True, False]), np.array([True, True])).where == (1,)


def test_chunks_are_compared_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = numbers(7, 5), numbers(7, 5, seed=1)
    whole = compare(a, b)
    monkeypatch.setattr("pipeline.graph.comparison.CHUNK", 4)
    assert compare(a, b) == whole
