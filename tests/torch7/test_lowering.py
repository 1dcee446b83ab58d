from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import UsageError
from tests.support import numbers
from tests.torch7.fixtures import check, graph_of
from tests.torch7.writer import nn, sequential


def relu(x):
    return np.maximum(x, 0)


def branches(*modules):
    return sequential(*modules, kind="ConcatTable")


IN_PLACE = nn("ReLU", inplace=True)


def test_a_branch_that_runs_later_sees_what_an_earlier_one_wrote_in_place():
    x = numbers(2, 3)
    check(branches(nn("ReLU", inplace=True), nn("MulConstant", constant_scalar=2)), x, expected=[relu(x), 2 * relu(x)])


def test_a_tensor_given_before_sees_what_is_written_to_it_later():
    x = numbers(2, 3)
    check(branches(nn("Identity"), nn("ReLU", inplace=True)), x, expected=[relu(x), relu(x)])


def test_a_module_that_is_not_in_place_has_an_output_of_its_own():
    x = numbers(2, 3)
    check(branches(nn("MulConstant", constant_scalar=1), IN_PLACE), x, expected=[x, relu(x)])


def test_a_dropout_in_evaluation_is_a_copy():
    x = numbers(2, 3)
    net = branches(
        sequential(nn("Dropout", v2=True, p=0.5), nn("MulConstant", constant_scalar=-1, inplace=True)), nn("Identity")
    )
    check(net, x, expected=[-x, x])


def test_a_dropout_in_place_gives_the_tensor_that_it_took():
    x = numbers(2, 3)
    net = branches(sequential(nn("Dropout", v2=True, p=0.5, inplace=True), IN_PLACE), nn("Identity"))
    check(net, x, expected=[relu(x), relu(x)])


@pytest.mark.parametrize("view", [nn("View", size=[6]), nn("Reshape", size=[6], batchMode=False)])
def test_a_view_and_its_base_share_what_is_written_in_place(view):
    x = numbers(2, 3)
    check(
        branches(sequential(view, nn("ReLU", inplace=True)), nn("Identity")), x, expected=[relu(x).reshape(6), relu(x)]
    )


def test_a_view_made_before_sees_what_is_written_to_its_base():
    x = numbers(2, 3)
    net = sequential(
        branches(nn("View", size=[6]), nn("Identity")), sequential(nn("Identity"), IN_PLACE, kind="ParallelTable")
    )
    check(net, x, expected=[relu(x).reshape(6), relu(x)])


def test_a_slice_written_in_place_changes_the_tensor_it_is_cut_from():
    x = numbers(3, 2)
    cut = sequential(nn("SplitTable", dimension=1), nn("SelectTable", index=2), nn("ReLU", inplace=True))
    expected = np.concatenate([x[:1], relu(x[1:2]), x[2:]])
    check(branches(cut, nn("Identity")), x, expected=[relu(x[1]), expected])


def test_an_addition_in_place_changes_its_first_input():
    x = numbers(2, 3)
    net = sequential(
        branches(nn("MulConstant", constant_scalar=2), nn("MulConstant", constant_scalar=3)),
        branches(nn("CAddTable", inplace=True), nn("Identity")),
        nn("FlattenTable"),
    )
    check(net, x, expected=[5 * x, 5 * x, 3 * x])


def test_a_module_that_runs_twice_writes_over_what_it_gave_first():
    x, y = numbers(2, 3), numbers(2, 3, seed=1)
    same = nn("Tanh")
    check(sequential(same, same, kind="ParallelTable"), [x, y], expected=[np.tanh(y), np.tanh(y)])


def test_clones_of_one_module_in_a_map_keep_their_outputs():
    x, y = numbers(2, 3), numbers(2, 3, seed=1)
    tanh = nn("Tanh")
    check(nn("MapTable", modules=[tanh], module=tanh, shared=True), [x, y], expected=[np.tanh(x), np.tanh(y)])


def test_writing_over_a_replicated_tensor_is_refused_where_its_source_is_read():
    from pipeline.errors import UnsupportedError

    replicated = sequential(nn("Replicate", nfeatures=2, dim=1), nn("ReLU", inplace=True))
    with pytest.raises(UnsupportedError, match="1 part"):
        graph_of(branches(replicated, nn("MulConstant", constant_scalar=2)), (2, 3))


def test_tied_weights_are_one_weight():
    weight = numbers(3, 3)
    linear = nn("Linear", weight=weight)
    graph = graph_of(sequential(linear, nn("Tanh"), linear), (2, 3))
    assert len(graph.weights) == 1


def test_what_depends_on_constants_only_is_computed_at_once():
    constant = sequential(nn("Constant", value=numbers(2, 3)), nn("Tanh"))
    graph = graph_of(sequential(branches(nn("Identity"), constant), nn("CAddTable")), (2, 3))
    assert [node.operator.name for node in graph.nodes if node.operator.name != "Identity"] in (
        ["Sum"],
        ["Tanh", "Sum"],
    )


def test_nodes_are_named_by_the_modules_path_and_class():
    linear = nn("Linear", weight=numbers(3, 3), bias=numbers(3))
    graph = graph_of(sequential(linear, branches(nn("Tanh"), nn("cudnn.ReLU")), nn("CAddTable")), (2, 3))
    assert [node.name for node in graph.nodes] == ["1_Linear", "2.branch[1]_Tanh", "2.branch[2]_ReLU", "3_CAddTable"]
    assert str(graph.nodes[2].origin) == "2.branch[2] (cudnn.ReLU)"
    assert graph.outputs[0].name == "3_CAddTable"


def test_a_module_alone_is_called_by_its_class():
    graph = graph_of(nn("Tanh"), (2, 3))
    assert [node.name for node in graph.nodes] == ["Tanh"]
    assert [value.name for value in graph.inputs] == ["input"]


def test_an_input_without_a_batch_is_given_one_and_loses_it_again():
    graph = graph_of(nn("SpatialZeroPadding", pad_l=1, pad_r=1, pad_t=1, pad_b=1), (3, 4, 5))
    assert graph.outputs[0].shape == (3, 6, 7)
    weight = numbers(4, 3, 2, 2)
    conv = nn("SpatialConvolution", nInputPlane=3, nOutputPlane=4, kW=2, kH=2, dW=1, dH=1, weight=weight)
    graph = graph_of(conv, (3, 4, 5))
    assert graph.outputs[0].shape == (4, 3, 4)
    assert graph.outputs[0].name == "SpatialConvolution"


ONE = {"weight": numbers(1, 1), "bias": numbers(1)}
TAKES_NO_BATCH = {
    "SpatialLinear": (ONE, (1, 4, 5)),
    "SpatialDownSampling": ({"rW": 2, "rH": 2}, (1, 4, 4)),
    "TemporalSubSampling": ({**ONE, "kW": 1, "dW": 1}, (4, 1)),
}


@pytest.mark.parametrize("kind", TAKES_NO_BATCH)
def test_a_module_that_takes_no_batch_is_not_given_one(kind):
    fields, shape = TAKES_NO_BATCH[kind]
    assert graph_of(nn(kind, **fields), shape).outputs[0].shape[0] == shape[0] // fields.get("kW", 1)
    with pytest.raises(UsageError, match=f"a tensor of {len(shape)} dimensions, without a batch"):
        graph_of(nn(kind, **fields), (2, *shape))


def test_a_batch_that_a_module_makes_of_its_input_may_stay():
    fields = {"nInputPlane": 2, "nOutputPlane": 3, "weight": numbers(3, 2, 1, 1, 1)}
    sizes = {f"{name}{axis}": 1 for name in "kd" for axis in "THW"}
    for kind, shape in (("nn.VolumetricConvolution", (3, 3, 4, 5)), ("cudnn.VolumetricConvolution", (1, 3, 3, 4, 5))):
        assert graph_of(nn(kind, **fields, **sizes), (2, 3, 4, 5)).outputs[0].shape == shape


def test_the_batch_size_stays_free_where_a_reshape_keeps_it():
    graph = graph_of(nn("View", size=[-1], numInputDims=3), (2, 3, 4, 5))
    (reshape,) = graph.nodes
    assert reshape.operator.shape in {(0, -1), (0, 60)}


def test_a_shape_that_does_not_fit_names_module_and_shape():
    linear = nn("Linear", weight=numbers(4, 3))
    with pytest.raises(UsageError) as failure:
        graph_of(sequential(nn("Tanh"), linear), (2, 5))
    assert "2 (nn.Linear)" in failure.value.what and "2x5" in failure.value.what


def test_a_table_where_a_tensor_is_needed_is_named():
    with pytest.raises(UsageError, match=r"nn.Tanh expects a tensor, not a table, and is given \[2x3,2x3\]"):
        graph_of(nn("Tanh"), [(2, 3), (2, 3)])
