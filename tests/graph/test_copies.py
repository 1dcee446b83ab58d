"""Nodes that give what they take are left out, and outputs are what they were."""

from __future__ import annotations

import pytest

from pipeline.graph.copies import without
from pipeline.graph.operators import Dropout, Identity
from tests.graph.nets import Net
from tests.support import operators


def net() -> Net:
    return Net("net")


def test_a_dropout_is_left_out_and_an_output_that_it_gave_is_what_it_took():
    made = net()
    x = made.add("Dropout", made.add("Relu", made.input("x", (2, 3)), name="relu"), name="drop")
    whole = made.finish([x, made.add("Tanh", x, name="tanh")])
    graph = without(Dropout, whole)
    assert operators(graph) == ["Relu", "Tanh"]
    assert [value.name for value in graph.outputs] == ["relu", "tanh"]


def test_a_dropout_of_feature_maps_is_one_too():
    made = net()
    x = made.add("FeatureDropout", made.input("x", (2, 3, 4, 4)), name="drop")
    assert operators(without(Dropout, made.finish([made.add("Relu", x, name="relu")]))) == ["Relu"]


@pytest.mark.parametrize("dropped", [False, True])
def test_an_output_that_is_an_input_keeps_its_copy(dropped):
    made = net()
    x = made.input("x", (2, 3))
    x = made.add("Dropout", x, name="drop") if dropped else x
    graph = without(Identity, made.finish([made.add("Identity", x, name="copy")]))
    assert operators(without(Dropout, graph)) == ["Identity"]
    assert [value.name for value in graph.outputs] == ["copy"]
