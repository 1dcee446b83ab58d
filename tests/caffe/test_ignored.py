"""Fields of forks that do not matter are told and ignored, by a list; whatever is not on it is refused."""

import pytest

from pipeline.caffe.ignored import ignored
from pipeline.caffe.read import read
from pipeline.errors import UnsupportedError
from tests.caffe.read.nets import inputs, net


def relu(fields):
    return net(inputs(x=(1, 2)) + f'layer {{ name: "r" type: "ReLU" bottom: "x" top: "y" {fields} }}')


def test_a_field_on_the_list_is_told_with_the_reason():
    notes = []
    read(relu("forward_type: FLOAT16 relu_param { quantization_param { bw: 8 } }"), notes=notes)
    assert notes == [
        "r.forward_type: ignored, NVIDIA's fork chooses the precision and the memory of training by it",
        "r.relu_param.quantization_param: ignored, Ristretto's fork chooses by it how a separate tool rounds numbers",
    ]


def test_messages_that_only_others_read_are_told():
    notes = []
    read(relu("loss_param { normalize: true } transform_param { scale: 2 crop: 1 }"), notes=notes)
    assert notes[:2] == [
        "r.transform_param: ignored, only layers that bring data read it",
        "r.loss_param: ignored, only losses read it",
    ]


def test_a_field_that_nobody_knows_is_refused_with_its_value():
    with pytest.raises(UnsupportedError) as caught:
        read(relu("relu_param { spin: 3 } fast: true"))
    assert [(problem.origin, problem.reason) for problem in caught.value.problems] == [
        ("r.relu_param.spin", "no Caffe that is known has this field: 3"),
        ("r.fast", "no Caffe that is known has this field: true"),
    ]
    assert not ignored("relu_param.spin")
