from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.graph.operators import ShapeError
from tests.graph.operators.apply import apply, apply_all, close, examples
from tests.support import numbers

REDUCTIONS: dict[str, Any] = {
    "ReduceSum": np.sum,
    "ReduceMean": np.mean,
    "ReduceMax": np.max,
    "ReduceMin": np.min,
    "ReduceProd": np.prod,
    "ReduceL1": lambda x, **where: np.abs(x).sum(**where),
    "ReduceL2": lambda x, **where: np.sqrt((x * x).sum(**where)),
    "ReduceSumSquare": lambda x, **where: (x * x).sum(**where),
    "ReduceLogSumExp": lambda x, **where: np.log(np.exp(x).sum(**where)),
}


@pytest.mark.parametrize("operator", REDUCTIONS)
@examples
@given(st.lists(st.integers(0, 3), min_size=1, unique=True), st.booleans(), st.integers(0, 1))
def test_reductions_are_numpys(operator: str, axes: list[int], from_end: bool, keepdims: int) -> None:
    x = numbers(2, 3, 4, 5)
    expected = REDUCTIONS[operator](x.astype(np.float64), axis=tuple(axes), keepdims=bool(keepdims))
    given_axes = tuple(axis - 4 if from_end else axis for axis in axes)
    close(apply(operator, x, axes=given_axes, keepdims=keepdims), expected)


@pytest.mark.parametrize("operator", ["ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd"])
def test_integers_are_reduced_to_integers(operator: str) -> None:
    x = np.array([[3, 1], [2, 5]])
    y = apply(operator, x, axes=(1,), keepdims=0)
    assert y.tolist() == REDUCTIONS[operator](x, axis=1).tolist()


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_argmax_and_argmin_give_the_first_place(axis: int, keepdims: int) -> None:
    x = np.random.default_rng(0).integers(0, 3, (4, 5, 6)).astype(np.float32)
    largest = np.argmax(x, axis, keepdims=bool(keepdims))
    assert apply("ArgMax", x, axis=axis, keepdims=keepdims).tolist() == largest.tolist()
    smallest = np.argmin(x, axis, keepdims=bool(keepdims))
    assert apply("ArgMin", x, axis=axis, keepdims=keepdims).tolist() == smallest.tolist()


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("largest", [0, 1])
def test_topk_is_sorted_and_takes_the_first_of_equals(axis: int, largest: int) -> None:
    x = np.random.default_rng(0).integers(0, 4, (50, 60)).astype(np.float32)
    values, indices = apply_all("TopK", x, k=3, axis=axis, largest=largest)
    order = np.argsort(-x if largest else x, axis, kind="stable").take(range(3), axis)
    assert indices.tolist() == order.tolist()
    assert values.tolist() == np.take_along_axis(x, order, axis).tolist()


@pytest.mark.parametrize(
    ("operator", "attributes", "message"),
    [
        ("ReduceSum", {"axes": (2,)}, "axis 2 is not one of 2 axes"),
        ("ReduceSum", {"axes": (1, -1)}, "one twice"),
        ("ReduceSum", {"axes": ()}, r"no axes to reduce of shape \(2, 3\)"),
        ("ArgMax", {"axis": -3}, "axis -3"),
        ("TopK", {"k": 4}, r"axis 1 of \(2, 3\) has no 4 elements"),
    ],
)
def test_axes_that_do_not_exist_are_refused(operator: str, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        apply(operator, numbers(2, 3), **attributes)
