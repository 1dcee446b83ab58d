from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.graph.operators import ShapeError
from tests.graph.operators.apply import apply

NAN = np.nan
A = np.array([[0, 1, 2, NAN]], np.float32)
B = np.array([[1], [NAN]], np.float32)


@pytest.mark.parametrize(
    ("operator", "function"),
    [
        ("Greater", np.greater),
        ("GreaterOrEqual", np.greater_equal),
        ("Less", np.less),
        ("Equal", np.equal),
    ],
)
def test_comparisons_are_broadcast_and_never_hold_for_nan(operator: str, function: Any) -> None:
    assert apply(operator, A, B).tolist() == function(A, B).tolist()
    integers = np.arange(3), np.array([1])
    assert apply(operator, *integers).tolist() == function(*integers).tolist()


def test_bools_are_combined() -> None:
    a, b = np.array([[True], [False]]), np.array([True, False])
    assert apply("And", a, b).tolist() == [[True, False], [False, False]]
    assert apply("Or", a, b).tolist() == [[True, True], [True, False]]
    assert apply("Not", b).tolist() == [False, True]
    assert apply("Equal", a, b).tolist() == [[True, False], [False, True]]


def test_isnan_finds_what_is_no_number() -> None:
    assert apply("IsNaN", A).tolist() == [[False, False, False, True]]


def test_where_takes_from_either_and_broadcasts_all_three() -> None:
    condition = np.array([[True], [False]])
    y = apply("Where", condition, A, np.array(5, np.float32))
    np.testing.assert_array_equal(y, np.where(condition, A, np.float32(5)))


def test_types_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match="needs one of bool"):
        apply("And", A, A)
    with pytest.raises(ShapeError, match="needs one of bool"):
        apply("Where", A, A, A)
    with pytest.raises(ShapeError, match="needs one of float32, int64"):
        apply("Less", A, np.array([1]))
