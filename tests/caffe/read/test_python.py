"""Python layers that many networks share, beside references that follow their definitions."""

import numpy as np
import pytest

from pipeline.caffe.read.reader import layer as registered
from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.graph.evaluation import run
from tests.caffe.forks import FORKS
from tests.caffe.read.nets import layer, result
from tests.support import numbers, taking_less_than


def python(module, name, text=""):
    said = f' param_str: "{text}"' if text else ""
    return f'python_param {{ module: "{module}" layer: "{name}"{said} }}'


@pytest.mark.parametrize("text", ["{'phase': 'TEST', 'p': '0.01'}", "{'phase': 'TEST', 'p': 0.5}"])
def test_spatial_dropout_scales_while_testing_too(text):
    graph = layer("Python", "x", param=python("spatial_dropout", "SpatialDropoutLayer", text), x=(2, 3, 4, 5))
    p = 0.01 if "0.01" in text else 0.5
    np.testing.assert_allclose(result(graph, numbers(2, 3, 4, 5)), numbers(2, 3, 4, 5) / (1 - p), rtol=1e-6)


def test_spatial_dropout_for_training_is_refused():
    with pytest.raises(UnsupportedError):
        text = "{'phase': 'TRAIN', 'p': '0.1'}"
        layer("Python", "x", param=python("spatial_dropout", "SpatialDropoutLayer", text), x=(2, 3, 4, 5))


@pytest.mark.parametrize("text", ["{'phase': 'TEST'}", "{'phase': 'TEST', 'p': '1.5'}", "{'phase': 'TEST', 'p': 'a'}"])
def test_spatial_dropout_without_a_chance_is_an_error_of_the_file(text):
    with pytest.raises(InvalidInputError):
        layer("Python", "x", param=python("spatial_dropout", "SpatialDropoutLayer", text), x=(2, 3, 4, 5))


def test_rows_get_the_length_1_but_those_of_zeros():
    x = numbers(3, 5)
    x[1] = 0
    graph = layer("Python", "x", param=python("triplet.l2norm_layer", "L2NormLayer"), x=(3, 5))
    (expected,) = FORKS["Python triplet.l2norm_layer.L2NormLayer"].run({}, [x], [], 1)
    np.testing.assert_allclose(result(graph, x), expected, rtol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_box_is_that_of_the_last_rows_and_columns_above_half(seed):
    x = np.abs(numbers(3, 1, 6, 7, seed=seed)) ** 3
    param = python("cut_roi_layer.layer", "CutROILayer")
    graph = layer("Python", "x", param=param, tops=("box", "most"), x=(3, 1, 6, 7))
    right = FORKS["Python cut_roi_layer.layer.CutROILayer"].run({}, [x], [], 2)
    for found, expected in zip(run(graph, [x]), right, strict=True):
        np.testing.assert_allclose(found, expected)


def test_a_class_of_the_same_name_elsewhere_is_another():
    with pytest.raises(UnsupportedError):
        layer("Python", "x", param=python("mine", "L2NormLayer"), x=(3, 5))


def test_a_reader_for_python_names_a_module_and_a_class_and_others_do_not():
    with pytest.raises(ValueError, match="tell Python layers apart"):
        registered("Python")
    with pytest.raises(ValueError, match="tell Python layers apart"):
        registered("MyType", module="a", layer="B")


def test_a_long_text_of_parameters_is_read_in_no_time():
    with taking_less_than(2), pytest.raises(InvalidInputError):
        layer("Python", "x", param=python("spatial_dropout", "SpatialDropoutLayer", "a" * 300_000), x=(2, 3, 4, 5))
