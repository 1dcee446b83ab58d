"""How layers join: names of values, in-place layers, inputs, outputs, and what is left out."""

import numpy as np
import pytest

from pipeline.caffe.read import inputs as inputs_of
from pipeline.caffe.read import read
from pipeline.errors import InvalidInputError, UsageError
from pipeline.graph.evaluation import evaluate
from tests.caffe.read.nets import inputs, net, result
from tests.support import numbers, operators

X = inputs(x=(2, 3))


def act(kind, bottom, top, name):
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{top}" }}\n'


def names(graph):
    return [(node.name, node.output.name) for node in graph.nodes]


def test_the_last_of_the_layers_on_a_blob_keeps_its_name():
    text = X + act("AbsVal", "x", "a", "first") + act("TanH", "a", "a", "second") + act("ReLU", "a", "a", "third")
    graph = read(net(text))
    assert names(graph) == [("first", "a_first"), ("second", "a_second"), ("third", "a")]
    x = numbers(2, 3)
    np.testing.assert_allclose(result(graph, x), np.tanh(np.abs(x)), rtol=1e-6)


@pytest.mark.parametrize("reader", [act("TanH", "a", "b", "b"), 'layer { name: "b" type: "Accuracy" bottom: "a" }'])
def test_a_layer_cannot_write_in_place_over_what_another_reads(reader):
    writer = act("Sigmoid", "a", "a", "s")
    with pytest.raises(InvalidInputError) as error:
        read(net(X + act("AbsVal", "x", "a", "abs") + reader + writer))
    assert error.value.where == "s (Sigmoid)" and "others read it" in error.value.why
    graph = read(net(X + act("AbsVal", "x", "a", "abs") + writer + act("TanH", "a", "b", "b")))
    x = numbers(2, 3)
    np.testing.assert_allclose(result(graph, x), np.tanh(1 / (1 + np.exp(-np.abs(x)))), rtol=1e-6)


def test_what_a_loss_weight_takes_counts_as_a_reader():
    loss = act("AbsVal", "x", "a", "abs").replace("}", "loss_weight: 1 }")
    with pytest.raises(InvalidInputError):
        read(net(X + loss + act("Sigmoid", "a", "a", "s")))
    read(net(X + loss.replace("weight: 1", "weight: 0") + act("Sigmoid", "a", "a", "s")))


def test_an_input_keeps_its_name_where_a_layer_writes_it_in_place():
    graph = read(net(X + act("Sigmoid", "x", "x", "sigmoid") + act("TanH", "x", "x", "tanh")))
    assert [value.name for value in graph.inputs] == ["x"]
    assert names(graph) == [("sigmoid", "x_sigmoid"), ("tanh", "x_tanh")]
    assert [value.name for value in graph.outputs] == ["x_tanh"]


def test_a_layer_that_becomes_several_nodes_does_not_take_the_names_of_others():
    text = (
        X
        + 'layer { name: "e" type: "Exp" bottom: "x" top: "y" exp_param { base: 2 shift: 1 } }'
        + act("AbsVal", "y", "e_exp", "e_inner")
        + act("TanH", "e_exp", "e_outer", "y")
    )
    graph = read(net(text))
    every = [node.name for node in graph.nodes] + list(graph.weights)
    assert len(set(every)) == len(every)
    assert len({value.name for value in graph.values()}) == len(list(graph.values()))
    values = {value.name: array for value, array in evaluate(graph, [numbers(2, 3)])}
    np.testing.assert_allclose(values["y"], 2 ** (1 + numbers(2, 3)), rtol=1e-5)
    np.testing.assert_allclose(values["e_outer"], np.tanh(values["y"]), rtol=1e-5)
    assert {"e", "e_inner", "y"} <= {node.name for node in graph.nodes}


def test_blobs_may_be_called_like_the_parameters_of_a_layer():
    text = (
        X
        + 'layer { name: "y" type: "InnerProduct" bottom: "x" top: "y_w" inner_product_param { num_output: 2 } }'
        + act("AbsVal", "y_w", "y_b", "z")
    )
    graph = read(net(text, {"y": [numbers(2, 3), numbers(2)]}))
    assert names(graph) == [("y", "y_w"), ("z", "y_b")]
    assert {"y_w", "y_b"}.isdisjoint(graph.weights)


def test_layers_may_have_slashes_spaces_no_name_or_the_same_name():
    text = X + act("AbsVal", "x", "a/b", "in/one layer") + act("TanH", "a/b", "c", "") + act("ReLU", "c", "d", "c")
    assert names(read(net(text))) == [("in/one layer", "a/b"), ("c", "c"), ("c_2", "d")]


def test_every_node_remembers_its_layer():
    text = X + 'layer { name: "p" type: "Power" bottom: "x" top: "y" power_param { scale: 2 shift: 1 power: 3 } }'
    graph = read(net(text))
    assert {(node.origin.path, node.origin.kind) for node in graph.nodes} == {("p", "Power")}
    assert [node.name for node in graph.nodes] == ["p_scale", "p_shift", "p"]


def test_outputs_are_the_blobs_that_nothing_takes_in_the_order_of_their_names():
    text = (
        inputs(unused=(1,), x=(2, 3))
        + act("AbsVal", "x", "z", "1")
        + act("TanH", "z", "m", "2")
        + act("ReLU", "x", "b", "3")
        + act("ReLU", "x", "dropped", "4")
        + 'layer { name: "s" type: "Silence" bottom: "dropped" }'
    )
    graph = read(net(text))
    assert [value.name for value in graph.outputs] == ["b", "m", "unused"]
    assert [value.name for value in graph.inputs] == ["unused", "x"]
    assert [node.name for node in graph.nodes] == ["1", "2", "3"]


def test_outputs_can_be_chosen():
    network = net(X + act("AbsVal", "x", "z", "1") + act("TanH", "z", "m", "2"))
    graph = read(network, outputs=["z", "x"])
    assert [value.name for value in graph.outputs] == ["z", "x"]
    assert [node.name for node in graph.nodes] == ["1"]
    with pytest.raises(UsageError, match="no blob called nothing"):
        read(network, outputs=["nothing"])


def test_shapes_of_the_user_replace_those_of_the_prototxt():
    graph = read(net(X + act("AbsVal", "x", "y", "y")), {"x": (5, 7, 1)})
    assert graph.inputs[0].shape == graph.outputs[0].shape == (5, 7, 1)
    with pytest.raises(UsageError, match="no input called z") as error:
        read(net(X), {"z": (1,)})
    assert error.value.why == "it has x"


@pytest.mark.parametrize("param", ["", "input_param { shape { dim: 0 dim: 3 } }"])
def test_an_input_without_a_shape_is_asked_for(param):
    network = net(f'layer {{ name: "in" type: "Input" top: "x" {param} }}' + act("ReLU", "x", "y", "y"))
    with pytest.raises(UsageError) as error:
        read(network)
    assert error.value.advice.startswith("--input x=")
    assert read(network, {"x": (1, 2)}).outputs[0].shape == (1, 2)


def test_a_bottom_that_no_layer_has_made_is_an_error_of_the_file():
    with pytest.raises(InvalidInputError) as error:
        read(net(X + act("AbsVal", "later", "y", "y") + act("AbsVal", "x", "later", "z")))
    assert error.value.why == "no layer before it has the top 'later'"


def test_a_top_made_twice_is_an_error_of_the_file():
    with pytest.raises(InvalidInputError) as error:
        read(net(X + act("AbsVal", "x", "y", "one") + act("TanH", "x", "y", "two")))
    assert (error.value.where, error.value.why) == ("two (TanH)", "'y' is already the top of another layer")


def test_several_errors_of_the_file_come_together():
    text = X + act("AbsVal", "no", "y", "one") + act("AbsVal", "x", "z", "fine") + act("TanH", "nor", "w", "two")
    with pytest.raises(InvalidInputError, match="2 layers") as error:
        read(net(text))
    assert error.value.why.splitlines() == [
        "one (AbsVal): no layer before it has the top 'no'",
        "two (TanH): no layer before it has the top 'nor'",
    ]


def test_a_network_that_an_operator_cannot_take_is_an_error_of_the_file():
    text = (
        inputs(a=(2, 3), b=(2, 4))
        + 'layer { name: "c" type: "Concat" bottom: "a" bottom: "b" top: "y" concat_param { axis: 0 } }'
    )
    with pytest.raises(InvalidInputError) as error:
        read(net(text))
    assert error.value.where == "c (Concat)"


TRAINED = (
    """
    layer { name: "data" type: "Data" top: "data" top: "label"
      data_param { source: "somewhere" batch_size: 4 backend: LMDB }
      transform_param { scale: 0.5 mean_value: 104 mirror: true crop_size: 2 } }
    layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 } }
    layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
    """,
    {"ip": [numbers(3, 12), numbers(3)]},
)


def test_losses_and_labels_are_left_out():
    network, notes = net(*TRAINED), []
    graph = read(network, {"data": (4, 3, 2, 2)}, notes=notes)
    assert [value.name for value in graph.inputs] == ["data"]
    assert [value.name for value in graph.outputs] == ["ip"]
    assert inputs_of(network) == ("data",)
    assert notes == [
        "data (Data): the network takes images already changed by scale 0.5, mean_value [104.0]",
        "accuracy (Accuracy): left out; --keep-loss keeps it",
        "loss (SoftmaxWithLoss): left out; --keep-loss keeps it",
    ]


def test_losses_stay_where_they_are_asked_for():
    network = net(*TRAINED)
    graph = read(network, {"data": (4, 3, 2, 2)}, keep_loss=True)
    assert [(value.name, value.shape) for value in graph.inputs] == [("data", (4, 3, 2, 2)), ("label", (4,))]
    assert [(value.name, value.shape) for value in graph.outputs] == [("accuracy", ()), ("loss", ())]
    assert inputs_of(network, keep_loss=True) == ("data", "label")


def test_a_data_layer_whose_images_have_no_known_shape_asks_for_it():
    with pytest.raises(UsageError, match="'data'"):
        read(net(*TRAINED))


def test_the_same_network_gives_the_same_graph():
    first, second = (read(net(*TRAINED), {"data": (4, 3, 2, 2)}, keep_loss=True) for _ in range(2))
    assert (first.nodes, first.inputs, first.outputs) == (second.nodes, second.inputs, second.outputs)
    assert list(first.weights) == list(second.weights)


def test_a_copy_is_a_node_of_its_own():
    text = X + 'layer { name: "s" type: "Split" bottom: "x" top: "a" top: "b" }'
    graph = read(net(text))
    assert operators(graph) == ["Identity", "Identity"]
    assert [value.name for value in graph.outputs] == ["a", "b"]


def test_a_missing_shape_is_named_before_a_limit_that_guesses_of_it_reach():
    large = "".join(
        f'layer {{ name: "p{i}" type: "Tile" bottom: "{"x" if not i else f"y{i - 1}"}" top: "y{i}" '
        "tile_param { axis: 1 tiles: 100 } }"
        for i in range(3)
    )
    with pytest.raises(UsageError) as caught:
        read(net('layer { name: "x" type: "Data" top: "x" } ' + large))
    assert caught.value.advice.startswith("--input x=")


def test_names_that_may_be_meant_are_sought_for_the_first_hundred_only():
    text = (
        X
        + act("ReLU", "x", "rightmost", "r")
        + "".join(act("TanH", f"rightmost{i}", f"y{i}", f"l{i}") for i in range(300))
    )
    with pytest.raises(InvalidInputError) as error:
        read(net(text))
    lines = error.value.why.splitlines()
    assert len(lines) == 300 and ["did you mean" in line for line in lines] == [True] * 100 + [False] * 200
