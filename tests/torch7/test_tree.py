from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.torch7 import modules  # noqa: F401 - tells which classes are containers
from pipeline.torch7.objects import Table
from pipeline.torch7.reader import load
from pipeline.torch7.tree import MAX_DEPTH, children, validate, walk
from tests.torch7.fixtures import as_read
from tests.torch7.writer import nn, sequential

DATA = Path(__file__).parents[1] / "data" / "torch7"


def test_modules_are_walked_with_their_paths_parents_first():
    net = sequential(
        nn("Linear"),
        sequential(nn("Tanh"), sequential(nn("ReLU")), kind="ConcatTable"),
        nn("my.Wrapper", modules=[nn("ELU")]),
    )
    assert [(path, m.class_name.removeprefix("nn.")) for path, m in walk(as_read(net))] == [
        ("", "Sequential"),
        ("1", "Linear"),
        ("2", "ConcatTable"),
        ("2.branch[1]", "Tanh"),
        ("2.branch[2]", "Sequential"),
        ("2.branch[2].1", "ReLU"),
        ("3", "my.Wrapper"),
        ("3.1", "ELU"),
    ]


def test_a_shared_module_is_given_at_each_place_but_entered_once():
    inner = sequential(nn("Tanh"))
    net = as_read(sequential(inner, inner, inner))
    assert [path for path, _ in walk(net)] == ["", "1", "1.1", "2", "3"]


def test_sharing_at_every_level_does_not_multiply_the_walk():
    net = nn("Tanh")
    for _ in range(200):
        net = sequential(net, net)
    assert len(list(walk(as_read(net)))) == 401


def test_as_many_levels_as_are_allowed_are_walked_and_more_are_refused():
    net = nn("Tanh")
    for _ in range(MAX_DEPTH):
        net = sequential(net)
    validate(as_read(net))
    for _ in range(10_000):
        net = sequential(net)
    with pytest.raises(UnsupportedError) as caught:
        validate(as_read(net))
    assert caught.value.problems[0].reason == "modules stand more than 2,000 deep inside each other"


def test_a_module_that_contains_itself_is_refused():
    outer = sequential(nn("Tanh"))
    outer.fields["modules"] = [sequential(outer)]
    with pytest.raises(InvalidInputError) as caught:
        validate(as_read(outer))
    assert caught.value.why == "the module contains itself"
    assert caught.value.where.startswith("1.1 (nn.Sequential), byte ")


@pytest.mark.parametrize(
    ("net", "why"),
    [
        (nn("Sequential"), "modules a table is needed, nil is there"),
        (nn("ConcatTable", modules="x"), "modules a table is needed, a string is there"),
        (nn("Tanh", modules=5), "modules a table is needed, a number is there"),
        (nn("Sequential", modules=[5]), "modules[1] is a number and no module"),
        (nn("Sequential", modules=Table({2: nn("Tanh")})), "modules[1] is missing, and there are modules behind it"),
        (
            nn("Sequential", modules=Table({1: nn("Tanh"), 3: nn("Tanh")})),
            "modules[2] is missing, and there are modules behind it",
        ),
        (
            nn("Sequential", modules=Table({1: nn("Tanh"), 0: nn("Tanh")})),
            "modules[2] is missing, and there are modules behind it",
        ),
    ],
)
def test_a_container_whose_modules_are_no_list_is_refused(net, why):
    with pytest.raises(InvalidInputError) as caught:
        validate(as_read(sequential(nn("Tanh"), net)))
    assert caught.value.why == why
    assert caught.value.where.startswith(f"2 ({net.class_name}), byte ")


def test_the_modules_of_an_old_graph_are_those_of_its_nodes():
    nodes = [nn("nngraph.Node", data={"module": module}) for module in (nn("Tanh"), nn("ReLU"))]
    net = as_read(nn("gModule", forwardnodes=[nn("nngraph.Node", data={}), *nodes]))
    assert [(path, m.class_name) for path, m in walk(net)][1:] == [("1", "nn.Tanh"), ("2", "nn.ReLU")]


def test_a_module_without_modules_has_no_children():
    assert children(as_read(nn("Linear"))) == []
    assert children(as_read(nn("Sequential", modules=[]))) == []


def test_other_keys_beside_the_list_mean_nothing():
    net = load(DATA / "sparse_modules_table.t7")
    assert [m.class_name for m in children(net)] == ["nn.Linear", "nn.Tanh"]


def test_fields_that_lead_back_to_the_parent_do_not_matter():
    net = load(DATA / "self_reference.t7")
    assert net.get("me") is net
    assert [m for _, m in walk(net)][1:] == children(net)
