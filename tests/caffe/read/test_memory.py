"""What a layer writes in place is computed as Caffe does, or refused. Every outcome is that of a Caffe 1.0."""

from functools import partial

import pytest

from pipeline.caffe.read import READS, outline, read
from pipeline.caffe.schema import NetParameter
from pipeline.caffe.upgrade import upgrade
from pipeline.errors import InvalidInputError
from tests.caffe.read.nets import inputs, net
from tests.support import refused

SPLIT = 'layer { name: "split" type: "Split" bottom: "x" top: "a" top: "b" }'
WRITE = 'layer { name: "write" type: "TanH" bottom: "a" top: "a" }'
READ = 'layer { name: "read" type: "AbsVal" bottom: "b" top: "y" }'


def problems(*layers):
    network = net(inputs(x=(2, 3)) + "".join(layers))
    return [(problem.origin, problem.reason) for problem in refused(read, network)]


def reason(blob, writer="write (TanH)"):
    return f"it takes '{blob}', which lies in memory that {writer} has overwritten in place"


def test_a_copy_that_is_overwritten_by_way_of_its_sibling_cannot_be_read():
    assert problems(SPLIT, WRITE, READ) == [("read (AbsVal)", reason("b"))]
    assert problems(SPLIT, WRITE) == [("the network's outputs", reason("b"))]


def test_a_copy_that_was_read_before_is_fine():
    graph = read(net(inputs(x=(2, 3)) + SPLIT + READ + WRITE))
    assert [value.name for value in graph.outputs] == ["a", "y"]


def test_an_overwritten_copy_that_nobody_looks_at_is_fine():
    read(net(inputs(x=(2, 3)) + SPLIT + WRITE + 'layer { name: "s" type: "Silence" bottom: "b" }'))


def test_a_layer_that_changes_nothing_in_place_is_fine():
    read(net(inputs(x=(2, 3)) + SPLIT + WRITE.replace("TanH", "Dropout") + READ))


@pytest.mark.parametrize(
    "view",
    [
        'layer { name: "v" type: "Flatten" bottom: "x" top: "a" }',
        'layer { name: "v" type: "Reshape" bottom: "x" top: "a" reshape_param { shape { dim: 0 dim: -1 } } }',
        'layer { name: "v" type: "Concat" bottom: "x" top: "a" }',
        'layer { name: "v" type: "Slice" bottom: "x" top: "a" }',
    ],
)
def test_another_view_of_a_blob_is_the_blob(view):
    reader = READ.replace('bottom: "b"', 'bottom: "x"')
    assert problems(view, WRITE, reader) == [("read (AbsVal)", reason("x"))]
    read(net(inputs(x=(2, 3)) + view + reader + WRITE))


def test_a_blob_of_its_own_is_not_the_one_it_was_made_from():
    own = 'layer { name: "own" type: "AbsVal" bottom: "x" top: "a" }'
    read(net(inputs(x=(2, 3)) + own + WRITE + READ.replace('bottom: "b"', 'bottom: "x"')))


# Types that gave in place what they give elsewhere (ReLU6 and Clip, of forks and of master, by their code).
SAME = {
    *("BN", "BNLL", "BatchNorm", "Bias", "Clip", "Dropout", "ELU", "Eltwise", "Exp", "Log", "MVN", "PReLU", "Power"),
    *("ReLU", "ReLU6", "Scale", "Sigmoid", "Softmax", "Swish", "TanH", "Threshold"),
}
ABORTING = {"AbsVal", "Flatten", "Reshape", "Split"}
SOURCES = {
    *("AnnotatedData", "Data", "DummyData", "HDF5Data", "ImageData", "Input", "MemoryData", "Parameter", "VideoData"),
    "WindowData",
}
# A single bottom is passed on by these, and so is one whose axes stay in their order.
PASSING_ON = {
    "Concat": 'bottom: "a" top: "a"',
    "Slice": 'bottom: "a" top: "a"',
    "Permute": 'bottom: "a" top: "a" permute_param { order: 0 }',
}
MOVING = {
    "Concat": 'bottom: "a" bottom: "b" top: "a"',
    "Slice": 'bottom: "a" top: "a" top: "c"',
    "Permute": 'bottom: "a" top: "a" permute_param { order: 1 }',
}
START = (
    inputs(x=(2, 3, 4, 4))
    + 'layer { name: "a" type: "Power" bottom: "x" top: "a" }'
    + 'layer { name: "b" type: "Power" bottom: "x" top: "b" }'
)
LAID_OUT = "its top 'a' is its bottom: what Caffe computes then depends on how memory is laid out"


def in_place(kind, wires='bottom: "a" top: "a"'):
    return net(START + f'layer {{ name: "l" type: "{kind}" {wires} }}')


@pytest.mark.parametrize("kind", sorted(set(READS) - SAME - ABORTING - SOURCES - {"Silence"}))
def test_a_type_that_reads_what_it_has_written_over_is_refused_in_place(kind):
    network = in_place(kind, MOVING.get(kind, 'bottom: "a" top: "a"'))
    assert LAID_OUT in [problem.reason for problem in refused(partial(read, keep_loss=True), network)]


@pytest.mark.parametrize("kind", sorted(SAME))
def test_a_type_that_reads_before_it_writes_is_not_refused_in_place(kind):
    needed = {
        "BN": "bn_param { bn_mode: INFERENCE }",
        "Clip": "clip_param { min: 0 max: 1 }",
        "Eltwise": 'bottom: "b"',
    }
    _, notes = outline(in_place(kind, f'bottom: "a" top: "a" {needed.get(kind, "")}'))
    assert notes == ()


@pytest.mark.parametrize("kind", sorted(ABORTING))
def test_a_type_that_caffe_does_not_take_in_place_is_an_error_of_the_file(kind):
    param = "reshape_param { shape { dim: 0 dim: -1 } }" if kind == "Reshape" else ""
    with pytest.raises(InvalidInputError) as error:
        read(in_place(kind, f'bottom: "a" top: "a" {param}'))
    assert error.value.where == f"l ({kind})" and error.value.why == f"{kind} does not compute in place"


@pytest.mark.parametrize(("kind", "wires"), PASSING_ON.items())
def test_a_layer_that_passes_its_bottom_on_may_do_so_in_place(kind, wires):
    graph = read(in_place(kind, wires))
    assert [value.shape for value in graph.outputs] == [(2, 3, 4, 4)] * 2


@pytest.mark.parametrize(
    ("kind", "wires"),
    [
        ("Eltwise", 'bottom: "a" bottom: "b" top: "b"'),
        ("Eltwise", 'bottom: "a" bottom: "a" top: "a"'),
        ("TanH", 'bottom: "b" top: "a"'),
    ],
)
def test_a_top_that_is_another_bottom_than_the_one_at_its_place_is_made_twice(kind, wires):
    with pytest.raises(InvalidInputError) as error:
        read(in_place(kind, wires))
    assert error.value.where == f"l ({kind})"


def test_one_top_of_a_layer_cannot_be_another():
    with pytest.raises(InvalidInputError, match="not one that Caffe can run") as error:
        read(in_place("Slice", 'bottom: "a" top: "c" top: "c" slice_param { axis: 2 }'))
    assert error.value.why == "'c' is already the top of another layer"


def test_networks_of_the_old_form_are_refused_likewise():
    old = NetParameter()
    old.input.append("x")
    old.input_shape.add().dim.extend((1, 1, 4, 4))
    layer = old.layers.add(name="p", type="POOLING", bottom=["x"], top=["x"])
    layer.pooling_param.kernel_size = 2
    network = net("")
    network.net.CopyFrom(upgrade(old))
    (problem,) = refused(read, network)
    assert problem.origin == "p (Pooling)" and "laid out" in problem.reason


def test_a_layer_that_reads_its_own_bottom_by_way_of_another_blob_is_refused():
    summed = 'layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "a" }'
    assert problems(SPLIT, summed) == [("sum (Eltwise)", reason("b", "sum (Eltwise)"))]


def test_axes_in_their_order_are_another_view_of_the_blob():
    view = 'layer { name: "v" type: "Permute" bottom: "x" top: "a" permute_param { order: 0 } }'
    reader = READ.replace('bottom: "b"', 'bottom: "x"')
    assert problems(view, WRITE, reader) == [("read (AbsVal)", reason("x"))]
    read(net(inputs(x=(2, 3)) + view.replace("order: 0", "order: 1") + WRITE + reader))


@pytest.mark.parametrize(("steps", "shared"), [(1, True), (2, False)])
def test_the_last_state_of_an_lstm_is_its_only_output_where_there_is_one_step(steps, shared):
    text = (
        inputs(x=(steps, 1, 4), cont=(steps, 1), h=(1, 1, 2), c=(1, 1, 2))
        + 'layer { name: "lstm" type: "LSTM" bottom: "x" bottom: "cont" bottom: "h" bottom: "c"'
        + ' top: "all" top: "last" top: "cell" recurrent_param { num_output: 2 expose_hidden: true } }'
        + 'layer { name: "write" type: "ReLU" bottom: "all" top: "all" }'
    )
    _, notes = outline(net(text))
    assert notes == (f"the network's outputs: {reason('last', 'write (ReLU)')}",) * shared


@pytest.mark.parametrize(
    "maker",
    [
        'type: "Parameter" parameter_param { shape { dim: 2 } }',
        'type: "DummyData" dummy_data_param { shape { dim: 2 } }',
    ],
)
def test_a_constant_that_each_run_would_change_again_is_refused(maker):
    network = net(f'layer {{ name: "c" top: "c" {maker} }} layer {{ name: "p" type: "Power" bottom: "c" top: "c" }}')
    (problem,) = refused(read, network)
    assert problem.origin == "p (Power)" and "each run of Caffe gives other numbers" in problem.reason
