"""What only training needs is left out: losses of any name, labels and what prepares them; data are inputs."""

import pytest

from pipeline.caffe.read import inputs as inputs_of
from pipeline.caffe.read import read
from pipeline.errors import UnsupportedError, UsageError
from tests.caffe.read.nets import inputs, net
from tests.support import numbers

DATA = 'layer { name: "d" type: "%s" top: "x" top: "label" %s }\n'
NET = (
    DATA % ("Data", "transform_param { crop_size: 4 force_gray: true } data_param { batch_size: 1 }")
    + 'layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 3 } }\n'
)
WEIGHTS = {"fc": [numbers(3, 16), numbers(3)]}


def layer(kind, *bottoms, top="", more="", name="l"):
    wires = "".join(f' bottom: "{each}"' for each in bottoms) + (f' top: "{top}"' if top else "")
    return f'layer {{ name: "{name}" type: "{kind}"{wires} {more} }}\n'


def python(name, *bottoms, top=""):
    return layer("Python", *bottoms, top=top, more=f'python_param {{ module: "m" layer: "{name}" }}', name=name)


def ports(text, blobs=None, shapes=None, **how):
    graph = read(net(text, WEIGHTS if blobs is None else blobs), shapes, **how)
    return [value.name for value in graph.inputs], [value.name for value in graph.outputs]


@pytest.mark.parametrize(
    "loss",
    [
        layer("SoftmaxWithLoss", "y", "label", top="loss"),
        layer("AbsLoss", "y", "label", top="loss"),
        layer("DetectionEvaluate", "y", "label", top="found"),
        layer("CenterLoss", "y", "label", top="loss", more='center_loss_param { num_output: 10 spin: "odd" }'),
        layer("Odd", "y", "label", top="loss"),
        layer("Odd", "y", top="loss", more="loss_weight: 1"),
        layer("Odd", "y"),
        python("RBoxLossLayer", "y", "label", top="loss"),
        python("ScoreDetections", "y", "label", top="score"),
        python("Show", "x", "y"),
        layer("AbsLoss", "y", "label", top="l")
        + layer("Power", "l", top="m", more="power_param { scale: 2 }", name="m"),
    ],
)
def test_what_compares_with_labels_is_left_out_whatever_it_is_called(loss):
    assert ports(NET + loss) == (["x"], ["y"])


def test_what_prepares_labels_is_left_out_and_labels_need_no_shape():
    text = (
        NET
        + 'layer { name: "cut" type: "Slice" bottom: "label" top: "a" top: "b" }\n'
        + layer("Odd", "b", top="c", name="odd")
        + layer("EuclideanLoss", "y", "a", top="e", name="one")
        + layer("EuclideanLoss", "y", "c", top="f", name="two")
    )
    assert ports(text) == (["x"], ["y"])
    assert ports(NET + layer("Silence", "label")) == (["x"], ["y"])


def test_what_the_rest_reads_stays():
    with pytest.raises(UnsupportedError) as caught:
        ports(NET + layer("AbsLoss", "y", top="z") + layer("Eltwise", "z", "y", top="r", name="r"))
    assert [problem.origin for problem in caught.value.problems] == ["l (AbsLoss)"]


def test_a_last_layer_that_takes_no_label_stays():
    for last in (layer("Odd", "y", top="z"), python("Cluster", "y", top="z")):
        with pytest.raises(UnsupportedError):
            ports(NET + last)


def test_what_is_left_out_is_told():
    notes = []
    read(net(NET + python("RBoxLossLayer", "y", "label", top="loss"), WEIGHTS), notes=notes)
    assert notes == ["RBoxLossLayer (Python): left out; --keep-loss keeps it"]


def test_losses_that_are_kept_are_read():
    with pytest.raises(UnsupportedError, match="cannot be converted"):
        ports(NET + layer("AbsLoss", "y", "label", top="loss"), shapes={"label": (1,)}, keep_loss=True)


@pytest.mark.parametrize("kind", ["Python", "DenseImageData", "AnnotatedData", "HDF5Data", "Odd"])
def test_layers_of_any_type_that_bring_data_are_inputs_once_a_shape_is_known(kind):
    text = DATA % (kind, "odd_param { batch_size: 3 }") + layer("ReLU", "x", top="y", name="r")
    with pytest.raises(UsageError, match="does not say what shape 'x' has"):
        ports(text, {})
    assert ports(text, {}, {"x": (2, 3)}) == (["x"], ["y"])


def test_a_blob_that_is_given_a_shape_is_an_input_and_what_makes_it_is_not_needed():
    text = (
        DATA % ("Data", "")
        + layer("Augment", "x", top="a", name="augment")
        + layer("Odd", "a", top="b", name="odd")
        + layer("ReLU", "b", top="y", name="r")
    )
    assert ports(text, {}, {"b": (2, 3)}) == (["b"], ["y"])
    assert inputs_of(net(text), given=["b"]) == ("b",)
    missing = layer("ReLU", "nowhere", top="y")
    assert ports(missing, {}, {"nowhere": (2, 3)}) == (["nowhere"], ["y"])


def test_an_input_that_nothing_reads_is_an_output_still_unless_a_data_layer_brings_it():
    assert ports(inputs(unused=(1,), x=(2, 3)) + layer("ReLU", "x", top="y"), {}) == (["unused", "x"], ["unused", "y"])
    assert ports(NET) == (["x"], ["y"])
