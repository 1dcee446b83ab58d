"""Layers that treat every number by itself, against their formulas."""

import numpy as np
import pytest

from pipeline.errors import InvalidInputError, UnsupportedError
from tests.caffe.read.nets import layer, result
from tests.support import numbers, operators, sigmoid

X = 3 * numbers(2, 3, 4, 5)


@pytest.mark.parametrize(
    ("kind", "param", "expected"),
    [
        ("ReLU", "", np.maximum(X, 0)),
        ("ReLU", "relu_param { negative_slope: 0.25 }", np.where(X > 0, X, 0.25 * X)),
        ("ReLU", "relu_param { negative_slope: -1 }", np.abs(X)),
        ("ReLU6", "", np.clip(X, 0, 6)),
        ("ReLU6", "relu6_param { negative_slope: 0.5 }", np.minimum(np.where(X > 0, X, X / 2), 6)),
        ("ELU", "", np.where(X > 0, X, np.exp(X) - 1)),
        ("ELU", "elu_param { alpha: 0.5 }", np.where(X > 0, X, (np.exp(X) - 1) / 2)),
        ("Sigmoid", "", sigmoid(X)),
        ("TanH", "", np.tanh(X)),
        ("AbsVal", "", np.abs(X)),
        ("BNLL", "", np.log1p(np.exp(X))),
        ("Swish", "", X * sigmoid(X)),
        ("Swish", "swish_param { beta: 2 }", X * sigmoid(2 * X)),
        ("Clip", "clip_param { min: -1 max: 0.5 }", np.clip(X, -1, 0.5)),
        ("Threshold", "", (X > 0).astype("f4")),
        ("Threshold", "threshold_param { threshold: 0.5 }", (X > 0.5).astype("f4")),
        ("FBThreshold", "fbthreshold_param { threshold: 0.5 val: -2 }", np.where(X > 0.5, X, -2)),
        ("Dropout", "dropout_param { dropout_ratio: 0.9 }", X),
        ("Dropout", "dropout_param { dropout_ratio: 1 }", X),
        ("Dropout", "dropout_param { dropout_ratio: 0.75 scale_train: false }", X / 4),
        ("Power", "", X),
        ("Power", "power_param { scale: 2 }", 2 * X),
        ("Power", "power_param { shift: -1 }", X - 1),
        ("Power", "power_param { power: 2 }", X**2),
        ("Power", "power_param { power: 3 scale: -2 shift: 0.5 }", (0.5 - 2 * X) ** 3),
        ("Power", "power_param { power: -1 }", 1 / X),
        ("Power", "power_param { power: 0 scale: 2 shift: 5 }", np.ones_like(X)),
        ("Power", "power_param { power: 2 scale: 0 shift: 3 }", np.full_like(X, 9)),
        ("Power", "power_param { power: 1 scale: 0 shift: -3 }", np.full_like(X, -3)),
        ("Exp", "", np.exp(X)),
        ("Exp", "exp_param { base: 2 }", 2**X),
        ("Exp", "exp_param { base: 2 scale: 0.5 shift: 3 }", 2 ** (3 + 0.5 * X)),
        ("Exp", "exp_param { scale: 0.5 shift: -1 }", np.exp(0.5 * X - 1)),
        ("Log", "log_param { shift: 20 }", np.log(X + 20)),
        ("Log", "log_param { base: 10 scale: 2 shift: 30 }", np.log10(2 * X + 30)),
    ],
)
def test_a_function_of_each_number(kind, param, expected):
    graph = layer(kind, "x", param=param, x=X.shape)
    np.testing.assert_allclose(result(graph, X), expected, rtol=2e-5, atol=1e-6)


def test_a_power_of_zero_is_one_even_for_numbers_that_are_not_finite():
    x = np.array([np.nan, np.inf, 0, -1], np.float32)
    y = result(layer("Power", "x", param="power_param { power: 0 }", x=(4,)), x)
    np.testing.assert_array_equal(y, [1, 1, 1, 1])


@pytest.mark.parametrize(
    ("param", "expected"),
    [
        ("", ["Identity"]),
        ("power_param { scale: 2 }", ["Mul"]),
        ("power_param { shift: 2 }", ["Add"]),
        ("power_param { power: 2 }", ["Pow"]),
        ("power_param { power: 2 scale: 2 shift: 2 }", ["Mul", "Add", "Pow"]),
    ],
)
def test_a_power_has_only_the_steps_that_do_something(param, expected):
    assert operators(layer("Power", "x", param=param, x=(2, 3))) == expected


def test_the_slope_of_a_prelu_belongs_to_a_channel_or_to_all():
    slopes = numbers(3, seed=1)
    graph = layer("PReLU", "x", blobs=[slopes], x=X.shape)
    np.testing.assert_allclose(result(graph, X), np.where(X > 0, X, X * slopes[:, None, None]), rtol=1e-6)
    shared = layer("PReLU", "x", param="prelu_param { channel_shared: true }", blobs=[np.float32(0.3)], x=X.shape)
    np.testing.assert_allclose(result(shared, X), np.where(X > 0, X, X * np.float32(0.3)), rtol=1e-6)
    flat = layer("PReLU", "x", blobs=[slopes], x=(2, 3))
    np.testing.assert_allclose(result(flat, X[:, :, 0, 0]), np.where(X > 0, X, X * slopes[:, None, None])[:, :, 0, 0])


@pytest.mark.parametrize(
    ("kind", "param"),
    [
        ("Clip", ""),
        ("Clip", "clip_param { min: 1 }"),
        ("Exp", "exp_param { base: 0 }"),
        ("Exp", "exp_param { base: -2 }"),
        ("Log", "log_param { base: 1 }"),
    ],
)
def test_what_caffe_does_not_take_is_an_error_of_the_file(kind, param):
    with pytest.raises(InvalidInputError):
        layer(kind, "x", param=param, x=(2, 3))


@pytest.mark.parametrize("kind", ["Power", "Exp"])
def test_a_constant_that_is_no_number_is_refused(kind):
    param = {"Power": "power_param { scale: 0 power: -1 }", "Exp": "exp_param { shift: 1e30 }"}[kind]
    with pytest.raises(UnsupportedError):
        layer(kind, "x", param=param, x=(2, 3))


def test_what_drops_at_random_in_every_phase_is_refused():
    with pytest.raises(UnsupportedError) as caught:
        layer("Dropout", "x", param="dropout_param { sample_weights_test: true }", x=(2, 3))
    assert caught.value.problems[0].origin == "y.dropout_param.sample_weights_test"


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("ReLU", "relu_param.negative_slope"),
        ("ELU", "elu_param.alpha"),
        ("Swish", "swish_param.beta"),
        ("Power", "power_param.scale"),
        ("Exp", "exp_param.base"),
        ("Log", "log_param.shift"),
        ("Threshold", "threshold_param.threshold"),
        ("Dropout", "dropout_param.dropout_ratio"),
        ("LRN", "lrn_param.alpha"),
        ("MVN", "mvn_param.eps"),
        ("Reduction", "reduction_param.coeff"),
        ("Eltwise", "eltwise_param.coeff"),
    ],
)
def test_a_number_that_is_not_finite_is_refused_by_its_field(kind, field, value):
    message, name = field.split(".")
    bottoms = ("x", "x") if kind == "Eltwise" else ("x",)
    given = f"{message} {{ " + f"{name}: {value} " * len(bottoms) + "}"
    with pytest.raises(UnsupportedError) as error:
        layer(kind, *bottoms, param=given, x=X.shape)
    (problem,) = error.value.problems
    assert problem.origin.endswith(field) and problem.reason == f"is {value}, and no finite number"


def test_a_bound_may_be_infinite_and_is_none_then():
    graph = layer("Clip", "x", param="clip_param { min: 0 max: inf }", x=X.shape)
    np.testing.assert_array_equal(result(graph, X), np.maximum(X, 0))
