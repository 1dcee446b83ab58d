from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.graph.evaluation import run
from pipeline.graph.values import Node
from pipeline.verification.cut import between, cut, named, upstream, values_of
from tests.diff.test_difference import branches
from tests.verification.nets import network


def names(nodes: tuple[Node, ...]) -> list[str]:
    return [node.name for node in nodes]


def test_a_layer_is_named_by_its_node_its_place_or_its_value() -> None:
    graph = network()
    assert names(named(graph, "conv")) == ["conv"]
    assert names(named(graph, "4")) == ["ip"]
    assert names(named(graph, "1")) == ["conv", "act"]
    renamed = replace(graph, nodes=tuple(replace(node, name=f"n{i}") for i, node in enumerate(graph.nodes)))
    assert names(named(renamed, "prob")) == ["n5"]


def test_a_layer_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="has no layer poool") as caught:
        named(network(), "poool")
    assert "pool" in caught.value.advice


def test_a_span_holds_every_way_from_its_first_layer_to_its_last() -> None:
    graph = network()
    assert names(between(graph, named(graph, "act"), named(graph, "ip"))) == ["act", "pool", "rows", "ip"]
    graph = branches(True)
    assert names(between(graph, named(graph, "a"), named(graph, "c"))) == ["a", "b", "c"]
    graph = branches(False)
    assert names(between(graph, named(graph, "a"), named(graph, "c"))) == ["a", "c"]


def test_a_span_the_wrong_way_round_is_refused() -> None:
    graph = network()
    with pytest.raises(UsageError, match="no way leads"):
        between(graph, named(graph, "ip"), named(graph, "conv"))


def test_a_cut_computes_what_the_whole_does_there() -> None:
    graph = network()
    small = cut(graph, between(graph, named(graph, "act"), named(graph, "ip")))
    assert [value.name for value in small.inputs] == ["conv"]
    assert [value.name for value in small.outputs] == ["ip"]
    assert set(small.weights) == {"ip_weight", "ip_bias"}
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    known = values_of(graph, [x], (*small.inputs, *small.outputs))
    np.testing.assert_array_equal(run(small, [known["conv"]])[0], known["ip"])


def test_what_comes_from_beside_becomes_an_input_and_what_is_used_elsewhere_an_output() -> None:
    graph = branches(True)
    small = cut(graph, named(graph, "c"))
    assert [value.name for value in small.inputs] == ["a", "b"]
    small = cut(graph, named(graph, "a") + named(graph, "b"))
    assert [value.name for value in small.outputs] == ["a", "b"]


def test_upstream_stops_at_borders() -> None:
    graph = network()
    assert names(upstream(graph, "ip", {"pool"})) == ["rows", "ip"]
    assert names(upstream(graph, "ip", set())) == ["conv", "act", "pool", "rows", "ip"]


def test_inputs_and_weights_are_values_too() -> None:
    graph = network()
    x = np.zeros((2, 3, 8, 8), np.float32)
    wanted = (graph.inputs[0], graph.nodes[0].input(1))
    known = values_of(graph, [x], wanted)
    assert known["data"] is x
    assert known["conv_weight"].shape == (4, 3, 3, 3)
