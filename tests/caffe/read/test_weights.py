"""Which blob is which parameter, and what is said where one does not fit."""

import numpy as np
import pytest

from pipeline.caffe.read import read
from pipeline.errors import InvalidInputError
from tests.caffe.read.nets import inputs, layer, net, result
from tests.support import numbers

X = inputs(x=(2, 4))


def product(name, bottom, top, *params, outputs=3, bias=True):
    shared = " ".join(f"param {{ {param} }}" for param in params)
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{top}" {shared}'
        f" inner_product_param {{ num_output: {outputs} bias_term: {str(bias).lower()} }} }}\n"
    )


def fault(text, blobs, legacy=()):
    with pytest.raises(InvalidInputError) as error:
        read(net(text, blobs, legacy))
    return error.value


def test_a_layer_without_weights_is_named():
    error = fault(X + product("fc", "x", "y"), {"other": [numbers(1)]})
    assert error.what == "the weights do not fit the network"
    assert error.why.splitlines()[0] == "fc (InnerProduct): parameter 0, of shape (3, 4), is not in the weights file"


def test_a_network_without_any_weights_is_told_so_and_not_at_length():
    error = fault(X + "".join(product(f"fc{i}", "x", f"y{i}") for i in range(20)), {})
    assert error.what == "the network has no weights"
    assert error.why.splitlines()[-1] == "and 30 more"


@pytest.mark.parametrize("shape", [(4, 3), (3, 5), (12,), (3, 2, 2), (1, 1, 3, 4)])
def test_weights_of_another_shape_are_refused(shape):
    error = fault(X + product("fc", "x", "y"), {"fc": [numbers(*shape), numbers(3)]})
    assert error.why == f"fc (InnerProduct): blob 0 in the weights file has the shape {shape} instead of (3, 4)"


def test_too_few_or_too_many_blobs_are_refused():
    text = X + product("fc", "x", "y")
    for count in (1, 3):
        error = fault(text, {"fc": [numbers(3, 4), numbers(3), numbers(1)][:count]})
        assert error.why == f"fc (InnerProduct): the weights file has {count} blobs for it instead of 2"


def test_blobs_for_a_layer_that_takes_none_are_refused():
    text = X + 'layer { name: "y" type: "ReLU" bottom: "x" top: "y" }'
    assert (
        fault(text, {"y": [numbers(1)]}).why
        == "y (ReLU): the weights file has 1 blobs for it, and the layer takes none"
    )


def test_legacy_shapes_have_ones_in_front():
    weights, bias = numbers(3, 4), numbers(3)
    legacy = {"fc": [weights.reshape(1, 1, 3, 4), bias.reshape(1, 1, 1, 3)]}
    graph = read(net(X + product("fc", "x", "y"), legacy, ["fc"]))
    x = numbers(2, 4, seed=1)
    np.testing.assert_allclose(result(graph, x), x @ weights.T + bias, rtol=1e-5)
    wrong = {"fc": [weights.reshape(3, 4, 1, 1), bias.reshape(3, 1, 1, 1)]}
    assert "(3, 4, 1, 1) instead of (3, 4)" in fault(X + product("fc", "x", "y"), wrong, ["fc"]).why


def test_weights_stay_views_of_the_file():
    blobs = net("", {"y": [numbers(6, 4, 3, 3), numbers(6)]}).blobs["y"]
    param = "convolution_param { num_output: 6 kernel_size: 3 }"
    graph = layer("Convolution", "x", param=param, blobs=blobs, x=(1, 4, 5, 5))
    assert all(np.shares_memory(array, blob) for array, blob in zip(graph.weights.values(), blobs, strict=True))


def test_per_channel_parameters_are_views_in_a_shape_that_broadcasts():
    blobs = net("", {"y": [numbers(4), numbers(4)]}).blobs["y"]
    graph = layer("Scale", "x", param="scale_param { bias_term: true }", blobs=blobs, x=(1, 4, 5, 5))
    assert [array.shape for array in graph.weights.values()] == [(4, 1, 1), (4, 1, 1)]
    assert all(np.shares_memory(a, b) for a, b in zip(graph.weights.values(), blobs, strict=True))


def test_shared_parameters_are_one_weight_and_need_to_be_in_the_file_once():
    text = X + product("a", "x", "u", 'name: "w"', 'name: "b"') + product("b", "x", "v", 'name: "w"', 'name: "b"')
    graph = read(net(text, {"a": [numbers(3, 4), numbers(3)]}))
    assert list(graph.weights) == ["a_w", "a_b"]
    assert graph.nodes[0].inputs == graph.nodes[1].inputs


def test_a_sharer_that_follows_in_the_file_overwrites_the_owner():
    text = X + product("a", "x", "u", 'name: "w"', bias=False) + product("b", "x", "v", 'name: "w"', bias=False)
    owner, sharer = numbers(3, 4), numbers(3, 4, seed=1)
    graph = read(net(text, {"a": [owner], "b": [sharer]}))
    assert [np.array_equal(array, sharer) for array in graph.weights.values()] == [True]
    graph = read(net(text, {"b": [sharer], "a": [owner]}))
    assert [np.array_equal(array, owner) for array in graph.weights.values()] == [True]


def test_a_layer_may_share_one_parameter_and_own_the_other():
    text = X + product("a", "x", "u", 'name: "w"') + product("b", "x", "v", 'name: "w"', 'name: ""')
    weights, first, second = numbers(3, 4), numbers(3, seed=1), numbers(3, seed=2)
    graph = read(net(text, {"a": [weights, first], "b": [weights, second]}))
    assert list(graph.weights) == ["a_w", "a_b", "b_b"]
    missing = fault(text, {"a": [weights, first]})
    assert missing.why == "b (InnerProduct): parameter 1, of shape (3,), is not in the weights file"


def test_sharing_is_strict_about_shapes_unless_permissive():
    other = inputs(x=(2, 4), z=(2, 6)) + product("a", "x", "u", 'name: "w"', bias=False)
    strict = other + product("b", "z", "v", 'name: "w"', outputs=2, bias=False)
    blobs = {"a": [numbers(3, 4)]}
    assert "has the shape (2, 6), and (3, 4) in a, which shares it" in fault(strict, blobs).why
    permissive = other + product("b", "z", "v", 'name: "w" share_mode: PERMISSIVE', outputs=2, bias=False)
    graph = read(net(permissive, blobs))
    assert [array.shape for array in graph.weights.values()] == [(3, 4), (2, 6)]
    uneven = other + product("b", "z", "v", 'name: "w" share_mode: PERMISSIVE', outputs=3, bias=False)
    assert "(3, 6)" in fault(uneven, blobs).why


def test_of_two_layers_with_one_name_the_second_has_no_weights():
    text = X + product("a", "x", "u") + product("a", "x", "v")
    error = fault(text, {"a": [numbers(3, 4), numbers(3)]})
    assert error.why.startswith("a (InnerProduct): another layer has this name")


def test_layers_that_only_the_file_has_are_noted():
    notes = []
    read(net(X + product("a", "x", "u"), {"a": [numbers(3, 4), numbers(3)], "fc9": [numbers(1)]}), notes=notes)
    assert notes == ["fc9: the weights file has blobs for it, and the network has no such layer"]


def test_a_layer_whose_name_is_nearly_that_of_a_blob_gets_a_hint():
    error = fault(X + product("fc_new", "x", "y"), {"fc": [numbers(3, 4), numbers(3)]})
    first, second = error.why.splitlines()
    assert first.endswith("is not in the weights file; it has one for 'fc', which is no layer here")
    assert second.endswith("which is no layer here")


def test_a_blob_of_a_similar_name_and_another_shape_is_no_hint():
    error = fault(X + product("fc_new", "x", "y"), {"fc": [numbers(5, 4), numbers(5)]})
    assert "which is no layer here" not in error.why


def test_the_order_of_the_weights_file_does_not_matter():
    text = X + product("a", "x", "y") + product("b", "y", "z", outputs=2)
    blobs = {"b": [numbers(2, 3), numbers(2)], "a": [numbers(3, 4), numbers(3)]}
    right = (numbers(2, 4) @ blobs["a"][0].T + blobs["a"][1]) @ blobs["b"][0].T + blobs["b"][1]
    np.testing.assert_allclose(result(read(net(text, blobs)), numbers(2, 4)), right, rtol=1e-5)
