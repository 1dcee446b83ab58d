from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import InvalidInputError, UnsupportedError, UsageError, render
from pipeline.graph.evaluation import run
from pipeline.graph.input_spec import TensorSpec
from pipeline.torch7.importer import read
from pipeline.torch7.tree import MAX_DEPTH
from tests.support import numbers, operators, shared
from tests.torch7.fixtures import REFUSED, check_fixture, fixtures, graph_of
from tests.torch7.writer import nn, save, sequential


@pytest.mark.parametrize("name", fixtures("whole"))
def test_networks_compute_what_torch7_computed(name):
    check_fixture(name)


@pytest.mark.parametrize("name", ["unet", "enet", "lstm_unrolled2", "densenet_concat", "fast_neural_style_in"])
def test_larger_networks_compute_what_torch7_computed(name, monkeypatch):
    folder = shared("fixtures", "torch7", "nets", name)
    monkeypatch.setattr("tests.torch7.fixtures.DATA", folder.parent)
    check_fixture(name)


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_static_network_can_do_is_refused_with_its_reason(name):
    with pytest.raises(UnsupportedError) as refusal:
        check_fixture(name)
    (problem,) = refusal.value.problems
    assert problem.origin == f"nn.{name}" and problem.reason


def test_all_unknown_modules_are_listed_before_anything_is_lowered():
    net = sequential(
        nn("my.First"),
        sequential(nn("Tanh"), nn("my.Second"), kind="ConcatTable"),
        nn("GenNoise"),
        nn("Linear"),  # without a weight: would fail later
    )
    with pytest.raises(UnsupportedError) as refusal:
        graph_of(net, (2, 3))
    assert [problem.origin for problem in refusal.value.problems] == [
        "1 (my.First)",
        "2.branch[2] (my.Second)",
        "3 (nn.GenNoise)",
    ]


def test_refusals_by_configuration_are_collected_over_all_branches():
    random = nn("Dropout", p=0.5, v2=True, stochastic_inference=True)
    net = sequential(
        sequential(random, sequential(nn("Tanh"), random), nn("Sigmoid"), kind="ConcatTable"),
        nn("CAddTable"),
        nn("Tanh"),
    )
    with pytest.raises(UnsupportedError) as refusal:
        graph_of(net, (2, 3))
    assert [p.origin for p in refusal.value.problems] == ["1.branch[1] (nn.Dropout)", "1.branch[2].2 (nn.Dropout)"]


def test_an_unknown_class_that_resembles_a_known_one_is_told_how_to_say_so():
    conv = nn("my.Conv", weight=numbers(4, 3, 2, 2), nOutputPlane=4, nInputPlane=3, kW=2, kH=2)
    with pytest.raises(UnsupportedError) as refusal:
        graph_of(conv, (1, 3, 4, 4))
    assert 'alias("my.Conv", "nn.SpatialConvolution")' in render(refusal.value)


def test_a_field_of_another_type_is_a_damaged_file():
    with pytest.raises(InvalidInputError) as damage:
        graph_of(nn("LeakyReLU", negval="steep"), (2, 3))
    assert "negval" in damage.value.what and "at byte" in damage.value.where


def test_inputs_are_numbered_in_the_order_of_nested_tables():
    net = sequential(nn("FlattenTable"), nn("CAddTable"))
    graph = graph_of(net, [(2, 3), (2, 3)], (2, 3))
    assert [value.name for value in graph.inputs] == ["input_1", "input_2", "input_3"]


def test_a_name_given_by_the_user_is_the_inputs_name(tmp_path):
    path = save(tmp_path / "net.t7", nn("Tanh"))
    graph = read(path, [TensorSpec((2, 3), "data")])
    assert graph.inputs[0].name == "data"


def test_a_file_of_any_name_gives_a_network_whose_name_every_format_can_hold(tmp_path):
    path = save(tmp_path / os.fsdecode(b"net\xff.t7"), nn("Tanh"))
    assert read(path, [TensorSpec((2, 3))]).name == "net\\udcff"


def test_an_identity_gives_its_input_by_a_node():
    graph = graph_of(nn("Identity"), (2, 3))
    assert operators(graph) == ["Identity"]
    x = numbers(2, 3)
    np.testing.assert_array_equal(run(graph, [x])[0], x)


def test_the_network_is_found_in_a_checkpoint_and_named_by_its_key(tmp_path):
    path = save(tmp_path / "checkpoint.t7", {"epoch": 3, "model": sequential(nn("Tanh"), nn("Sigmoid"))})
    graph = read(path, [TensorSpec((2, 3))])
    assert [node.name for node in graph.nodes] == ["model.1_Tanh", "model.2_Sigmoid"]


def test_modules_nested_as_deep_as_they_may_are_lowered():
    net = nn("Tanh")
    for _ in range(MAX_DEPTH):
        net = sequential(net)
    graph = graph_of(net, (2, 3))
    assert operators(graph) == ["Tanh"]


PLUGIN = """
from pipeline.torch7 import module, alias

@module("my.Scale{n}")
def scale(m, x, net):
    return net.add("Mul", x, net.weight(m.weight("factor"), "factor"))

alias("my.Squash{n}", "nn.Tanh")
"""


def test_a_plugin_lowers_a_users_own_modules(tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN.format(n=1))
    path = save(tmp_path / "net.t7", sequential(nn("my.Scale1", factor=numbers(3)), nn("my.Squash1")))
    graph = read(path, [TensorSpec((2, 3))], plugins=[plugin])
    x = numbers(2, 3, seed=1)
    np.testing.assert_allclose(run(graph, [x])[0], np.tanh(x * numbers(3)), atol=1e-6)
    assert read(path, [TensorSpec((2, 3))], plugins=[plugin]).nodes[0].name == "1_Scale1"


def test_a_plugin_that_fails_is_named(tmp_path):
    plugin = tmp_path / "broken.py"
    plugin.write_text("1 / 0")
    with pytest.raises(UsageError, match=r"broken\.py fails") as failure:
        read(Path("net.t7"), plugins=[plugin])
    assert "ZeroDivisionError" in failure.value.why


def test_a_plugin_takes_the_place_of_a_class_that_is_known_and_no_longer_than_it_is_named(tmp_path):
    plugin, notes = tmp_path / "mine.py", []
    plugin.write_text('from pipeline.torch7 import alias\nalias("nn.Tanh", "nn.Sigmoid")')
    path = save(tmp_path / "net.t7", nn("Tanh"))
    graph = read(path, [TensorSpec((2, 3))], plugins=[plugin], note=notes.append)
    assert operators(graph) == ["Sigmoid"]
    assert notes == [f"the plugin {plugin} takes the place of the module class nn.Tanh that is built in"]
    assert operators(read(path, [TensorSpec((2, 3))])) == ["Tanh"]


def test_a_plugin_of_a_name_that_several_classes_share_stands_before_all_of_them(tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text('from pipeline.torch7 import alias\nalias("nn.LSTM", "nn.Sigmoid")')
    path = save(tmp_path / "net.t7", nn("LSTM", input_dim=3, hidden_dim=3))
    assert operators(read(path, [TensorSpec((2, 3))], plugins=[plugin])) == ["Sigmoid"]


def test_a_plugin_may_tell_by_fields_which_modules_it_is_for(tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from pipeline.torch7.module import fields, module\n"
        '@module("nn.Tanh", where=fields("hard"))\n'
        'def hard(m, x, net):\n    return net.add("Clip", x, min=-1.0, max=1.0)\n'
    )
    path = save(tmp_path / "net.t7", sequential(nn("Tanh"), nn("Tanh", hard=True)))
    assert operators(read(path, [TensorSpec((2, 3))], plugins=[plugin])) == ["Tanh", "Clip"]


def test_a_plugin_that_claims_a_name_twice_is_refused(tmp_path):
    plugin = tmp_path / "twice.py"
    plugin.write_text('from pipeline.torch7 import alias\nalias("my.A", "nn.Tanh")\nalias("my.A", "nn.Sigmoid")')
    with pytest.raises(UsageError) as failure:
        read(Path("net.t7"), plugins=[plugin])
    assert "registered twice" in failure.value.why
