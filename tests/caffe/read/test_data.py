"""Layers without bottoms: inputs, constants and parameters."""

import numpy as np
import pytest

from pipeline.caffe.read import inputs, read
from pipeline.errors import InvalidInputError, OverBudget, UnsupportedError, UsageError
from pipeline.graph.evaluation import run
from tests.caffe.read.nets import net
from tests.support import numbers


def graph(kind, param="", tops=("a",), blobs=None, shapes=None, notes=None):
    named = "".join(f' top: "{top}"' for top in tops)
    network = net(f'layer {{ name: "d" type: "{kind}" {named} {param} }}', {"d": blobs} if blobs else None)
    return read(network, shapes, notes=notes)


def shapes(graph_):
    return {value.name: value.shape for value in graph_.inputs}


def test_inputs_have_one_shape_or_one_each():
    one = "input_param { shape { dim: 2 dim: 3 } }"
    assert shapes(graph("Input", one, ("b", "a"))) == {"b": (2, 3), "a": (2, 3)}
    each = "input_param { shape { dim: 2 dim: 3 } shape { dim: 4 } }"
    assert shapes(graph("Input", each, ("b", "a"))) == {"b": (2, 3), "a": (4,)}
    with pytest.raises(InvalidInputError):
        graph("Input", each, ("a", "b", "c"))


@pytest.mark.parametrize(
    ("kind", "param", "images", "labels"),
    [
        ("MemoryData", "memory_data_param { batch_size: 2 channels: 3 height: 4 width: 5 }", (2, 3, 4, 5), (2,)),
        ("ImageData", "image_data_param { source: 'l' batch_size: 2 new_height: 4 new_width: 5 }", (2, 3, 4, 5), (2,)),
        (
            "ImageData",
            "image_data_param { batch_size: 2 is_color: false } transform_param { crop_size: 6 }",
            (2, 1, 6, 6),
            (2,),
        ),
        ("WindowData", "window_data_param { batch_size: 2 crop_size: 7 context_pad: 1 }", (2, 3, 7, 7), (2,)),
        (
            "Data",
            "data_param { batch_size: 2 prefetch: 1 } transform_param { crop_size: 6 force_gray: true mirror: true }",
            (2, 1, 6, 6),
            (2,),
        ),
        (
            "Data",
            "data_param { batch_size: 2 crop_size: 5 } transform_param { force_color: true }",
            (2, 3, 5, 5),
            (2,),
        ),
        (
            "AnnotatedData",
            """data_param { batch_size: 2 } transform_param { mean_value: 104 mean_value: 117 mean_value: 123
            resize_param { prob: 1 height: 8 width: 9 } emit_constraint { emit_type: CENTER } } odd_param { }""",
            (2, 3, 8, 9),
            (2,),
        ),
    ],
)
def test_data_layers_are_inputs(kind, param, images, labels):
    assert shapes(graph(kind, param, ("data", "label"))) == {"data": images, "label": labels}


@pytest.mark.parametrize("kind", ["Data", "ImageData", "WindowData", "MemoryData", "HDF5Data"])
def test_a_data_layer_of_unknown_shape_takes_the_users(kind):
    with pytest.raises(UsageError, match="'data'"):
        graph(kind, tops=("data",))
    assert shapes(graph(kind, tops=("data",), shapes={"data": (1, 2)})) == {"data": (1, 2)}


def test_what_a_data_layer_does_to_images_is_noted():
    notes = []
    param = "data_param { batch_size: 1 scale: 0.5 } transform_param { mean_file: 'mean.binaryproto' }"
    graph("Data", param, ("data",), shapes={"data": (1, 3, 2, 2)}, notes=notes)
    assert notes == ["d (Data): the network takes images already changed by mean_file mean.binaryproto, scale 0.5"]


def test_constants_are_filled():
    one = "dummy_data_param { shape { dim: 2 dim: 3 } data_filler { value: 0.5 } }"
    first, second = run(graph("DummyData", one, ("a", "b")), [])
    np.testing.assert_array_equal(first, np.full((2, 3), 0.5))
    np.testing.assert_array_equal(second, first)
    extents = "num: [1, 2] channels: [3, 4] height: [5, 6] width: [7, 8]"
    legacy = f"dummy_data_param {{ {extents} data_filler {{ value: 1 }} data_filler {{ }} }}"
    first, second = run(graph("DummyData", legacy, ("a", "b")), [])
    np.testing.assert_array_equal(first, np.ones((1, 3, 5, 7)))
    np.testing.assert_array_equal(second, np.zeros((2, 4, 6, 8)))
    (zeros,) = run(graph("DummyData", "dummy_data_param { shape { dim: 4 } }"), [])
    np.testing.assert_array_equal(zeros, np.zeros(4))


def test_numbers_drawn_at_random_are_refused():
    with pytest.raises(UnsupportedError) as error:
        graph("DummyData", 'dummy_data_param { shape { dim: 4 } data_filler { type: "gaussian" } }')
    assert error.value.problems[0].origin == "d.dummy_data_param.data_filler"


@pytest.mark.parametrize("fields", ["", "shape { dim: 1 } num: 1", "num: 1 num: 1 num: 1 channels: 1"])
def test_constants_without_a_shape_are_an_error_of_the_file(fields):
    with pytest.raises(InvalidInputError):
        graph("DummyData", f"dummy_data_param {{ {fields} }}", ("a", "b"))


def test_a_large_constant_takes_no_memory_and_one_too_large_for_caffe_is_an_error_of_the_file():
    large = graph("DummyData", "dummy_data_param { shape { dim: 60000000 } data_filler { value: 2 } }")
    with pytest.raises(OverBudget):
        graph("DummyData", "dummy_data_param { shape { dim: 2147483647 } data_filler { value: 2 } }")
    assert [array.strides for array in large.weights.values()] == [(0,)]
    for dims in ("dim: 2147483648", "dim: 65536 dim: 65536", "dim: -1"):
        with pytest.raises(InvalidInputError):
            graph("DummyData", f"dummy_data_param {{ shape {{ {dims} }} }}")


def test_a_parameter_is_a_constant_of_the_file():
    blob = numbers(2, 3)
    (y,) = run(graph("Parameter", "parameter_param { shape { dim: 2 dim: 3 } }", blobs=[blob]), [])
    np.testing.assert_array_equal(y, blob)


def test_inputs_are_named_before_the_network_is_read():
    text = """
        layer { name: "d" type: "Data" top: "data" top: "label" }
        layer { name: "i" type: "Input" top: "im_info" }
        layer { name: "s" type: "Silence" bottom: "im_info" }
        layer { name: "l" type: "EuclideanLoss" bottom: "data" bottom: "label" top: "loss" }
        layer { name: "r" type: "ReLU" bottom: "data" top: "y" }
    """
    assert inputs(net(text)) == ("data", "im_info")
    assert inputs(net(text), keep_loss=True) == ("data", "label", "im_info")
