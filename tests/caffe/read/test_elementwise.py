"""Layers that combine blobs number by number, against numpy's broadcasting."""

import numpy as np
import pytest

from pipeline.caffe.read import read
from pipeline.errors import InvalidInputError
from tests.caffe.read.nets import inputs, layer, net, result
from tests.support import numbers, operators

SHAPE = (2, 3, 4, 5)
A, B, C = (numbers(*SHAPE, seed=seed) for seed in range(3))


@pytest.mark.parametrize(
    ("param", "expected", "nodes"),
    [
        ("", A + B + C, ["Sum"]),
        ("operation: PROD", A * B * C, ["Mul", "Mul"]),
        ("operation: MAX", np.maximum(np.maximum(A, B), C), ["Max"]),
        ("operation: SUM coeff: [1, -0.5, 2]", A - B / 2 + 2 * C, ["Mul", "Mul", "Sum"]),
    ],
)
def test_three_blobs_are_combined(param, expected, nodes):
    graph = layer("Eltwise", "a", "b", "c", param=f"eltwise_param {{ {param} }}", a=SHAPE, b=SHAPE, c=SHAPE)
    np.testing.assert_allclose(result(graph, A, B, C), expected, rtol=1e-5, atol=1e-6)
    assert operators(graph) == nodes


def test_a_difference_is_one_node():
    graph = layer("Eltwise", "a", "b", param="eltwise_param { coeff: 1 coeff: -1 }", a=SHAPE, b=SHAPE)
    np.testing.assert_array_equal(result(graph, A, B), A - B)
    assert operators(graph) == ["Sub"]


@pytest.mark.parametrize(
    ("param", "shapes"),
    [
        ("", {"a": SHAPE}),
        ("", {"a": SHAPE, "b": (2, 3, 1, 1)}),
        ("eltwise_param { coeff: 1 }", {"a": SHAPE, "b": SHAPE}),
        ("eltwise_param { operation: PROD coeff: 1 coeff: 1 }", {"a": SHAPE, "b": SHAPE}),
    ],
)
def test_what_eltwise_does_not_take_is_an_error_of_the_file(param, shapes):
    with pytest.raises(InvalidInputError):
        layer("Eltwise", *shapes, param=param, **shapes)


PLACES = [  # axis, num_axes, the operand's shape, and that shape with which numpy broadcasts
    (1, 1, (3,), (3, 1, 1)),
    (1, 2, (3, 4), (3, 4, 1)),
    (1, 3, (3, 4, 5), (3, 4, 5)),
    (1, -1, (3, 4, 5), (3, 4, 5)),
    (0, 1, (2,), (2, 1, 1, 1)),
    (0, -1, SHAPE, SHAPE),
    (2, 2, (4, 5), (4, 5)),
    (-1, 1, (5,), (5,)),
    (-2, -1, (4, 5), (4, 5)),
    (1, 0, (), ()),
]


@pytest.mark.parametrize(("axis", "axes", "shape", "broadcast"), PLACES)
def test_a_parameter_scales_and_shifts_some_axes(axis, axes, shape, broadcast):
    factor, term = numbers(*shape, seed=7), numbers(*shape, seed=8)
    where = f"axis: {axis} num_axes: {axes}"
    plain = layer("Scale", "x", param=f"scale_param {{ {where} }}", blobs=[factor], x=SHAPE)
    np.testing.assert_allclose(result(plain, A), A * factor.reshape(broadcast), rtol=1e-6)
    both = layer("Scale", "x", param=f"scale_param {{ {where} bias_term: true }}", blobs=[factor, term], x=SHAPE)
    expected = A * factor.reshape(broadcast) + term.reshape(broadcast)
    np.testing.assert_allclose(result(both, A), expected, rtol=1e-5, atol=1e-6)
    bias = layer("Bias", "x", param=f"bias_param {{ {where} }}", blobs=[term], x=SHAPE)
    np.testing.assert_allclose(result(bias, A), A + term.reshape(broadcast), rtol=1e-6)


@pytest.mark.parametrize(("axis", "shape", "broadcast"), [(axis, *shapes) for axis, _, *shapes in PLACES[:-1]])
def test_a_second_bottom_scales_and_shifts_some_axes(axis, shape, broadcast):
    other, term = numbers(*shape, seed=7), numbers(*shape, seed=8)
    scaled = layer("Scale", "x", "w", param=f"scale_param {{ axis: {axis} }}", x=SHAPE, w=shape)
    np.testing.assert_allclose(result(scaled, A, other), A * other.reshape(broadcast), rtol=1e-6)
    param = f"scale_param {{ axis: {axis} bias_term: true }}"
    biased = layer("Scale", "x", "w", param=param, blobs=[term], x=SHAPE, w=shape)
    expected = A * other.reshape(broadcast) + term.reshape(broadcast)
    np.testing.assert_allclose(result(biased, A, other), expected, rtol=1e-5, atol=1e-6)
    shifted = layer("Bias", "x", "w", param=f"bias_param {{ axis: {axis} }}", x=SHAPE, w=shape)
    np.testing.assert_allclose(result(shifted, A, other), A + other.reshape(broadcast), rtol=1e-6)


def test_a_scalar_as_the_second_bottom_scales_everything():
    text = (
        inputs(x=SHAPE, v=(3,))
        + 'layer { name: "s" type: "Reduction" bottom: "v" top: "s" }'
        + 'layer { name: "y" type: "Scale" bottom: "x" bottom: "s" top: "y" }'
    )
    graph, v = read(net(text)), numbers(3, seed=4)
    np.testing.assert_allclose(result(graph, A, v), A * v.sum(), rtol=1e-5)


@pytest.mark.parametrize(
    ("param", "shapes"),
    [
        ("scale_param { axis: 4 }", {"x": SHAPE}),
        ("scale_param { num_axes: 4 }", {"x": SHAPE}),
        ("scale_param { num_axes: -2 }", {"x": SHAPE}),
        ("", {"x": SHAPE, "w": (4,)}),
        ("scale_param { axis: 3 }", {"x": SHAPE, "w": (5, 1)}),
        ("", {"x": SHAPE, "w": (3,), "v": (3,)}),
    ],
)
def test_an_operand_that_does_not_fit_is_an_error_of_the_file(param, shapes):
    with pytest.raises(InvalidInputError) as error:
        layer("Scale", *shapes, param=param, **shapes)
    assert error.value.where == "y (Scale)"


@pytest.mark.parametrize("factors", [(2, 3), (2, 3, 1, 1)])
def test_channels_are_weighted_and_added(factors):
    a = numbers(*factors, seed=5)
    graph = layer("Axpy", "a", "x", "z", a=factors, x=SHAPE, z=SHAPE)
    np.testing.assert_allclose(result(graph, a, A, B), a.reshape(2, 3, 1, 1) * A + B, rtol=1e-5, atol=1e-6)
