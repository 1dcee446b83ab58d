from __future__ import annotations

from collections.abc import Callable
from math import erf
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from pipeline.graph.operators import ShapeError
from pipeline.graph.values import DTYPES
from tests.graph.operators.apply import apply, close, examples
from tests.support import numbers

BINARY = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}
VARIADIC: dict[str, Callable[..., Any]] = {
    "Sum": sum,
    "Max": np.maximum.reduce,
    "Min": np.minimum.reduce,
    "Mean": lambda xs: sum(xs) / len(xs),
}


@pytest.mark.parametrize("operator", BINARY)
@examples
@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3))
def test_two_inputs_are_broadcast_as_numpy_does(operator: str, shapes: Any) -> None:
    a, b = numbers(*shapes.input_shapes[0]), numbers(*shapes.input_shapes[1], seed=1)
    close(apply(operator, a, b), BINARY[operator](a, b))


@pytest.mark.parametrize("operator", VARIADIC)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_any_number_of_inputs_is_broadcast(operator: str, count: int) -> None:
    shapes = [(2, 3, 4), (3, 1), (), (1, 1, 4)][:count]
    xs = [numbers(*shape, seed=i) for i, shape in enumerate(shapes)]
    close(apply(operator, *xs), VARIADIC[operator](np.broadcast_arrays(*xs)))


@pytest.mark.parametrize(
    ("operator", "function"),
    [
        ("Abs", np.abs),
        ("Neg", np.negative),
        ("Sign", np.sign),
        ("Floor", np.floor),
        ("Ceil", np.ceil),
        ("Exp", np.exp),
        ("Erf", np.vectorize(erf)),
        ("Reciprocal", np.reciprocal),
        ("Identity", np.array),
        ("Sqrt", np.sqrt),
        ("Log", np.log),
    ],
)
def test_a_function_of_one_number_is_numpys(operator: str, function: Callable[[Any], Any]) -> None:
    x = numbers(3, 4) * 3
    with np.errstate(invalid="ignore"):
        close(apply(operator, x), function(x))


def test_powers_are_of_the_first_by_the_second() -> None:
    x = np.array([0, 0.5, 4], np.float32)
    close(apply("Pow", x, np.array(0.5, np.float32)), np.sqrt(x))
    close(apply("Pow", -x, np.array(2, np.float32)), x * x)


def test_integers_stay_integers_and_divide_toward_zero() -> None:
    a, b = np.array([7, -7]), np.array([2])
    assert apply("Div", a, b).tolist() == [3, -3]
    assert apply("Add", a, b).tolist() == [9, -5]


def test_max_gives_nan_where_an_input_is_nan() -> None:
    x = np.array([np.nan, 1], np.float32)
    assert np.isnan(apply("Max", x, np.zeros(2, np.float32))).tolist() == [True, False]


@given(st.sampled_from(DTYPES), st.sampled_from(DTYPES))
def test_casts_truncate_to_integers_and_compare_with_zero_for_bools(source: str, target: str) -> None:
    x = np.array([-1.9, -0.5, 0, 0.5, 2]).astype(source)
    assert apply("Cast", x, to=target).tolist() == x.astype(target).tolist()


@pytest.mark.parametrize(
    ("operator", "inputs", "message"),
    [
        ("Add", [numbers(2, 3), numbers(2, 4)], r"shapes \(2, 3\), \(2, 4\) cannot be broadcast together"),
        ("Add", [numbers(2), np.array([1, 2])], "not float32, int64"),
        ("Mul", [np.array([True]), np.array([True])], "not bool"),
        ("Add", [numbers(2)] * 3, "needs 2 inputs, not 3"),
        ("Sum", [], "one or more inputs"),
        ("Exp", [np.array([1])], "needs float32, not int64"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(operator: str, inputs: list[np.ndarray], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        apply(operator, *inputs)


def test_a_cast_to_another_type_is_refused() -> None:
    with pytest.raises(ShapeError, match="cannot cast float32 to 'float16'"):
        apply("Cast", numbers(1), to="float16")
