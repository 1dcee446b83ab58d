"""The part of a network before layers without a counterpart: what they take are its outputs."""

import pytest

from pipeline.caffe.read import part, read
from pipeline.errors import UnsupportedError, UsageError
from tests.caffe.read.nets import inputs, net

TEXT = inputs(x=(1, 2), info=(1, 3)) + "".join(
    [
        'layer { name: "a" type: "ReLU" bottom: "x" top: "a" }',
        'layer { name: "b" type: "TanH" bottom: "a" top: "b" }',
        'layer { name: "find" type: "Odd" bottom: "b" bottom: "info" top: "boxes" }',
        'layer { name: "pool" type: "ROIPooling" bottom: "a" bottom: "boxes" top: "c" }',
        'layer { name: "d" type: "AbsVal" bottom: "b" top: "d" }',
    ]
)


def outputs(*cut):
    return [value.name for value in read(net(TEXT), cut=cut).outputs]


@pytest.mark.parametrize("cut", ["find", "Odd", "auto"])
def test_what_the_layers_that_are_cut_off_take_are_outputs(cut):
    assert outputs(cut) == ["a", "b", "d"]


def test_inputs_that_only_what_is_cut_off_takes_are_none():
    assert [value.name for value in read(net(TEXT), cut=["find"]).inputs] == ["x"]


def test_several_layers_can_be_cut_at():
    assert outputs("find", "b") == ["a"]


def test_what_is_left_out_is_told():
    notes = []
    read(net(TEXT), cut=["find"], notes=notes)
    told = ["find (Odd)", "pool (ROIPooling)"]
    assert notes == [f"{name}: left out, as the network ends before it" for name in told]
    assert [layer.name for layer in part(net(TEXT), cut=["find"]).left_out] == ["find", "pool"]


def test_a_layer_that_is_not_there_cannot_be_cut_at():
    with pytest.raises(UsageError, match="called nowhere to cut at"):
        outputs("nowhere")


def test_without_a_cut_a_layer_that_nobody_knows_is_refused_with_what_can_be_done():
    with pytest.raises(UnsupportedError) as caught:
        outputs()
    (problem,) = caught.value.problems
    assert problem.advice == "--cut find converts what is before it; --input boxes=SHAPE takes its top as an input"


def test_a_cut_that_leaves_nothing_is_a_refusal():
    first = inputs(x=(1, 2)) + 'layer { name: "o" type: "Odd" bottom: "x" top: "y" }'
    with pytest.raises(UnsupportedError):
        read(net(first + 'layer { name: "a" type: "ReLU" bottom: "y" top: "a" }'), cut=["auto"])


BRANCHES = (
    inputs(x=(1, 2), other=(1, 3))
    + 'layer { name: "a" type: "AbsVal" bottom: "x" top: "a" } '
    + 'layer { name: "strange" type: "Strange" bottom: "other" top: "s" } '
    + 'layer { name: "b" type: "Exp" bottom: "a" top: "b" } '
    + 'layer { name: "in place" type: "ReLU" bottom: "b" top: "b" } '
    + 'layer { name: "c" type: "Eltwise" bottom: "b" bottom: "s" top: "c" } '
)


def test_a_network_that_ends_with_a_blob_has_only_what_it_needs():
    notes = []
    graph = read(net(BRANCHES), until=["b"], notes=notes)
    assert [value.name for value in graph.inputs] == ["x"]
    assert [value.name for value in graph.outputs] == ["b"]
    assert [node.operator.name for node in graph.nodes] == ["Abs", "Exp", "Relu"]
    assert [note.partition(":")[0] for note in notes] == ["strange (Strange)", "c (Eltwise)"]


def test_a_network_ends_with_blobs_in_the_order_in_which_they_are_named():
    graph = read(net(BRANCHES), until=["b", "a"])
    assert [value.name for value in graph.outputs] == ["b", "a"]


def test_what_an_output_needs_is_refused_as_ever():
    with pytest.raises(UnsupportedError):
        read(net(BRANCHES), until=["c"])


def test_an_output_that_is_no_blob_is_an_error_of_the_user():
    with pytest.raises(UsageError):
        read(net(BRANCHES), until=["nothing"])
