from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import UnsupportedError, UsageError
from pipeline.torch7.module import Module, modules_in
from pipeline.torch7.network import find_networks, is_criterion, is_module, select_network
from pipeline.torch7.objects import LuaFunction, Table, TorchObject
from pipeline.torch7.reader import load
from tests.torch7.fixtures import as_read
from tests.torch7.writer import nn, sequential, tensor

DATA = Path(__file__).parents[1] / "data" / "torch7"


def paths(value):
    return [path for path, _ in find_networks(as_read(value))]


def test_a_root_that_is_a_module_is_the_network():
    assert paths(sequential(nn("Linear"), nn("Tanh"))) == [""]
    assert select_network(as_read(nn("Linear")))[0] == ""


@pytest.mark.parametrize(
    ("checkpoint", "path"),
    [
        ({"model": nn("Linear"), "epoch": 3, "optimState": {"dfdx": np.ones(3)}}, "model"),
        ({"protos": {"rnn": nn("gModule", modules=[]), "criterion": nn("ClassNLLCriterion")}}, "protos.rnn"),
        ({"state": {"net": [nn("Linear")]}, "mean": np.ones(3)}, "state.net[1]"),
        ([nn("MSECriterion"), nn("Linear")], "[2]"),
        ({"best model": nn("Linear")}, '["best model"]'),
        ({"deep": {"x": nn("Linear")}, "criterion": nn("my.Criterion", modules=[nn("Tanh")])}, "deep.x"),
        (TorchObject("Word2Vec", 1, Table({"w2v": nn("LookupTable"), "minfreq": 10})), "w2v"),
        ({0.5: nn("Linear")}, "[0.5]"),
    ],
)
def test_the_only_network_of_a_checkpoint_is_found(checkpoint, path):
    root = as_read(checkpoint)
    assert select_network(root)[0] == path
    if "0.5" not in path:
        assert select_network(root, path) == select_network(root)


def test_a_network_under_two_keys_is_one_network():
    net = nn("Linear")
    assert paths({"last": net, "best": net}) == ["last"]


def test_one_with_a_usual_name_is_preferred():
    assert select_network(as_read({"discriminator": nn("Linear"), "generator": nn("Tanh")}))[0] == "generator"
    assert select_network(as_read({"netD": nn("Linear"), "netG": nn("Tanh")}))[0] == "netG"
    assert select_network(as_read({"teacher": nn("Linear"), "model": nn("Tanh")}))[0] == "model"
    assert select_network(load(DATA / "checkpoint_two_models.t7"))[0] == "generator"


def test_the_others_are_noted_where_one_is_taken_by_its_name():
    root = as_read({"discriminator": nn("Linear"), "generator": nn("Tanh"), "old": [nn("ReLU")]})
    notes = []
    assert select_network(root, None, notes.append)[0] == "generator"
    others = "discriminator (nn.Linear), old[1] (nn.ReLU)"
    assert notes == [f"of 3 networks generator is taken, by its name; --root takes another: {others}"]
    select_network(root, "old", notes.append)
    assert len(notes) == 1


def test_a_root_of_a_known_class_needs_no_fields_of_a_module():
    assert select_network(as_read(nn("w2nn.InplaceClip01")))[1].class_name == "w2nn.InplaceClip01"


def test_an_open_choice_lists_the_candidates():
    root = as_read({"encoder": nn("Linear"), "decoder": {"a": nn("Tanh")}, "x y": nn("Tanh")})
    with pytest.raises(UsageError) as caught:
        select_network(root)
    assert caught.value.why == '["x y"] (nn.Tanh), encoder (nn.Linear), decoder.a (nn.Tanh)'
    assert caught.value.advice == "choose one, for example --root '[\"x y\"]'; several --root make a conversion each"
    assert select_network(root, "decoder.a")[1].class_name == "nn.Tanh"


def test_a_key_picks_any_module():
    root = as_read(
        {"model": sequential(nn("Tanh"), sequential(nn("ReLU"), nn("Linear"), kind="ConcatTable")), 7: nn("ELU")}
    )
    for key, kind in (
        ("model", "nn.Sequential"),
        ("model.modules[1]", "nn.Tanh"),
        ("model.modules[2].modules[2]", "nn.Linear"),
        ("model.2.branch[1]", "nn.ReLU"),
        ("model[1]", "nn.Tanh"),
        ("[7]", "nn.ELU"),
        ("7", "nn.ELU"),
        ("['model']", "nn.Sequential"),
    ):
        path, module = select_network(root, key)
        assert module.class_name == kind
        assert select_network(root, path)[1] is module


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in DATA.glob("gModule_*/model.t7")))
@pytest.mark.parametrize("of_old_nngraph", [False, True])
def test_the_path_of_every_module_in_a_graph_picks_it(folder, of_old_nngraph):
    network = load(DATA / folder / "model.t7")
    for inner in modules_in(Module(network)) if of_old_nngraph else ():
        if inner.kind == "nn.gModule":
            del inner.object.fields["modules"]
    for inner in modules_in(Module(network)):
        if is_criterion(inner.object):
            continue  # a loss is no network
        assert select_network(network, inner.path)[1] is inner.object


def test_a_key_of_a_table_picks_the_network_in_it():
    root = as_read({"protos": {"rnn": nn("gModule", modules=[])}, "old": {"a": nn("Tanh"), "b": nn("Tanh")}})
    assert select_network(root, "protos")[0] == "protos.rnn"
    with pytest.raises(UsageError, match="2 networks"):
        select_network(root, "old")


def test_a_key_that_leads_nowhere_lists_what_is_there():
    root = as_read({"model": nn("Linear"), "epoch": 3})
    with pytest.raises(UsageError) as caught:
        select_network(root, "net")
    assert "there is no net" in caught.value.what
    assert caught.value.why == "the root is a table with the keys model, epoch"
    assert caught.value.advice == "networks are at: model"
    with pytest.raises(UsageError) as caught:
        select_network(root, "epoch.x")
    assert caught.value.why == "epoch is a number"


@pytest.mark.parametrize(
    ("held", "advice"),
    [(nn("Linear"), "leave --root away: the network is the root"), ({"n": 3}, "there is no network in the file")],
)
def test_a_key_that_leads_nowhere_is_answered_by_what_there_is(held, advice):
    with pytest.raises(UsageError) as caught:
        select_network(as_read(held), "net")
    assert caught.value.advice == advice


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (np.ones((2, 3)), "a torch.DoubleTensor of size 2x3"),
        ("a text", "a string"),
        (3, "a number"),
        (None, "nil"),
        (LuaFunction(0), "a function"),
        (nn("MSECriterion"), "an nn.MSECriterion, a loss"),
        ([np.ones(1), np.ones(2)], "a table of 2 entries, each a torch.DoubleTensor"),
        ({"mean": [1, 2], "n": 3}, "a table with the keys mean, n"),
        ({}, "an empty table"),
        (TorchObject("dataLoader", 1, Table({"paths": "x"})), "a dataLoader"),
        (TorchObject("nngraph.Node", 1, Table({"data": {"module": nn("Linear")}})), "an nngraph.Node"),
    ],
)
def test_a_file_without_a_network_says_what_it_holds(value, what):
    with pytest.raises(UnsupportedError) as caught:
        select_network(as_read(value))
    assert caught.value.problems[0].reason == f"is {what}"


@pytest.mark.parametrize(
    ("module", "answer"),
    [
        (nn("Anything"), True),
        (nn("cudnn.SpatialConvolution"), True),
        (nn("inn.ConstAffine"), True),
        (nn("my.Wrapper", modules=[]), True),
        (nn("OneHot.x", output=1, gradInput=2), True),
        (TorchObject("OneHot", 1, Table({"output": 1, "gradInput": 2})), True),
        (TorchObject("Mine", 1, Table({"_type": "torch.FloatTensor"})), True),
        (TorchObject("Corpus", 1, Table({"_type": 5})), False),
        (nn("ClassNLLCriterion", output=1, gradInput=2), False),
        (nn("ModuleFromCriterion", criterion=nn("MSECriterion")), True),
        (nn("nngraph.Node", modules=[]), False),
        (nn("nn.DataParallelTable.Basic"), False),
        (nn("torch.Timer"), False),
        (tensor(np.ones(1)), False),
        ("nn.Linear", False),
    ],
)
def test_modules_are_told_from_other_objects(module, answer):
    assert is_module(as_read(module)) is answer


def test_a_network_ten_thousand_tables_deep_is_found():
    value = nn("Tanh")
    for _ in range(10_000):
        value = {"next": value}
    path, module = select_network(as_read(value))
    assert module.class_name == "nn.Tanh"
    assert path.startswith("next.next")
