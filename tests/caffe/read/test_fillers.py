"""What a layer has no weights for: Caffe computes with the fillers that are not random, and so do we."""

import numpy as np
import pytest

from pipeline.caffe.read import read
from pipeline.caffe.read.fillers import filled
from pipeline.caffe.schema import FillerParameter
from pipeline.errors import InvalidInputError, OverBudget
from pipeline.graph.evaluation import run
from tests.caffe.read.nets import inputs, net
from tests.support import numbers

X = inputs(x=(1, 2, 4, 4))


def computed(kind, param, x, notes=None):
    text = X + f'layer {{ name: "l" type: "{kind}" bottom: "x" top: "y" {param} }}'
    return run(read(net(text), notes=notes), [x])[0]


@pytest.mark.parametrize(
    ("kind", "param", "expected"),
    [
        ("Scale", "scale_param { filler { value: 0.5 } bias_term: true }", lambda x: x / 2),
        ("Scale", "scale_param { bias_term: true bias_filler { value: -1 } }", lambda x: x - 1),
        ("Bias", "bias_param { filler { value: 3 } }", lambda x: x + 3),
        ("PReLU", "prelu_param { filler { value: 0.1 } }", lambda x: np.where(x > 0, x, 0.1 * x)),
        (
            "Convolution",
            "convolution_param { num_output: 1 kernel_size: 1 weight_filler { value: 2 } }",
            lambda x: 2 * x.sum(axis=1, keepdims=True),
        ),
    ],
)
def test_constant_fillers_are_what_caffe_computes_with_and_are_told(kind, param, expected):
    x, notes = numbers(1, 2, 4, 4), []
    np.testing.assert_allclose(computed(kind, param, x, notes), expected(x), rtol=1e-6, atol=1e-6)
    assert all(note.startswith(f"l ({kind}): the weights file has no parameter ") for note in notes) and notes


def test_a_bilinear_filler_makes_the_weights_of_an_interpolation():
    weights = filled(FillerParameter(type="bilinear"), (2, 1, 4, 4))
    line = np.array([0.25, 0.75, 0.75, 0.25])  # of a factor of 2 (BilinearFiller, filler.hpp)
    assert weights is not None
    np.testing.assert_allclose(weights[1, 0], np.outer(line, line))
    assert filled(FillerParameter(type="bilinear"), (2, 3)) is None


def test_random_fillers_are_named():
    with pytest.raises(InvalidInputError) as caught:
        computed(
            "Convolution", 'convolution_param { num_output: 1 kernel_size: 1 weight_filler { type: "msra" } }', None
        )
    assert (
        "parameter 0, of shape (1, 2, 1, 1), is not in the weights file, and its filler, msra, draws"
        in caught.value.why
    )


def test_a_layer_without_weights_and_without_a_filler_is_none_of_the_files():
    with pytest.raises(InvalidInputError):
        computed("Convolution", "convolution_param { num_output: 1 kernel_size: 1 }", None)


@pytest.mark.parametrize(
    ("kind", "param"),
    [
        ("InnerProduct", "inner_product_param { num_output: 60000000 weight_filler { value: 1 } }"),
        ("Deconvolution", 'convolution_param { num_output: 1 kernel_size: 30000 weight_filler { type: "bilinear" } }'),
        ("Scale", "scale_param { axis: 0 num_axes: -1 filler { value: 2 } }"),
    ],
)
def test_what_fillers_make_is_given_by_nobody_and_is_bounded(kind, param):
    x = inputs(x=(30000, 30000) if kind == "Scale" else (1, 2, 4, 4))
    layer = f'layer {{ name: "l" type: "{kind}" bottom: "x" top: "y" {param} }}'
    with pytest.raises(OverBudget, match="bytes of weights") as caught:
        read(net(x + layer))
    assert caught.value.where == f"l ({kind})"
