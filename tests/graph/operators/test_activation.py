from __future__ import annotations

from collections.abc import Callable
from math import inf, nan

import numpy as np
import pytest

from pipeline.graph.operators import ShapeError
from tests.graph.operators.apply import apply, close
from tests.support import numbers

X = np.array([-inf, -300, -20.5, -2, -1, -0.5, -1e-6, 0, 1e-6, 0.3, 1, 2, 20.5, 300, inf], np.float32)


def each(function: Callable[[float], float]) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.array([function(np.float64(x)) for x in X])


@pytest.mark.parametrize(
    ("operator", "attributes", "function"),
    [
        ("Relu", {}, lambda x: x if x > 0 else 0),
        ("LeakyRelu", {"alpha": 0.2}, lambda x: x if x > 0 else 0.2 * x),
        ("ThresholdedRelu", {"alpha": 0.3}, lambda x: x if x > np.float32(0.3) else 0),
        ("ThresholdedRelu", {"alpha": -1}, lambda x: x if x > -1 else 0),
        ("Elu", {"alpha": 1.5}, lambda x: x if x > 0 else 1.5 * (np.exp(x) - 1)),
        ("Selu", {"alpha": 1.5, "gamma": 2}, lambda x: 2 * x if x > 0 else 3 * (np.exp(x) - 1)),
        ("Sigmoid", {}, lambda x: 1 / (1 + np.exp(-x))),
        ("HardSigmoid", {"alpha": 0.3, "beta": 0.6}, lambda x: max(0, min(1, 0.3 * x + 0.6))),
        ("Tanh", {}, np.tanh),
        ("Softplus", {}, lambda x: np.logaddexp(0, x)),
        ("Clip", {"min": -1, "max": 6}, lambda x: max(-1, min(6, x))),
        ("Clip", {"min": 0, "max": inf}, lambda x: max(0, x)),
        ("Dropout", {"ratio": 0.9}, lambda x: x),
    ],
)
def test_an_activation_is_its_formula_everywhere(
    operator: str, attributes: dict[str, float], function: Callable[[float], float]
) -> None:
    close(apply(operator, X, **attributes), each(function))


def test_softsign_is_its_formula() -> None:
    close(apply("Softsign", X[1:-1]), X[1:-1] / (1 + np.abs(X[1:-1])))


def test_a_number_that_is_none_is_not_above_a_threshold() -> None:
    assert apply("ThresholdedRelu", np.array([nan], np.float32), alpha=0.0).tolist() == [0]


def test_selu_has_the_constants_of_its_paper() -> None:
    y = apply("Selu", np.array([1, -1], np.float32))
    close(y, np.array([1.0507009873554805, 1.0507009873554805 * 1.6732632423543772 * (np.exp(-1) - 1)]))


@pytest.mark.parametrize("slope", [(), (3,), (3, 1, 1), (1, 3, 1, 1)])
def test_prelu_broadcasts_its_slope(slope: tuple[int, ...]) -> None:
    x, s = numbers(2, 3, 4, 3), numbers(*slope, seed=1)
    close(apply("PRelu", x, s), np.where(x > 0, x, x * s))


def test_prelu_refuses_a_slope_that_would_make_x_larger() -> None:
    with pytest.raises(ShapeError, match=r"slope of shape \(2, 3, 1, 1\) does not fit \(1, 3, 4, 5\)"):
        apply("PRelu", numbers(1, 3, 4, 5), numbers(2, 3, 1, 1))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_sums_to_one_along_one_axis(axis: int) -> None:
    x = numbers(2, 3, 4) * 50
    powers = np.exp(x.astype(np.float64) - x.max(axis, keepdims=True))
    expected = powers / powers.sum(axis, keepdims=True)
    close(apply("Softmax", x, axis=axis), expected)
    shifted = x - x.max(axis, keepdims=True)
    close(apply("LogSoftmax", x, axis=axis), shifted - np.log(powers.sum(axis, keepdims=True)))


def test_activations_take_floats_only() -> None:
    with pytest.raises(ShapeError, match="needs float32, not int64"):
        apply("Relu", np.array([1]))
    with pytest.raises(ShapeError, match="axis 2 is not one of 2 axes"):
        apply("Softmax", numbers(2, 3), axis=2)
