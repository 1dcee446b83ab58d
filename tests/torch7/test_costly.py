"""Files of a few kB that describe more than any machine has, or numbers that make no sense."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import InvalidInputError, OverBudget, PipelineError
from pipeline.graph.input_spec import parse_input_spec
from pipeline.torch7 import importer
from pipeline.torch7.counting import check_layers
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module
from tests.support import convert, numbers, taking_less_than
from tests.torch7.fixtures import as_read, check, graph_of
from tests.torch7.writer import nn, save, sequential, storage, strided

FILES = Path(__file__).parents[1] / "data" / "torch7_costly"
SHAPES = {"pad|pool|adaptive|bilinear|upsampling|conv_|featurelp": "1x3x8x8", "convmap": "1x2x8x8", "dynamick": "1x4x8"}
CONVERTED = ("clamp_inf", "shared_branches_16", "shared_branches_30")  # the last two once their modules count once


def _shape(name: str) -> str:
    given = {word: shape for words, shape in SHAPES.items() for word in words.split("|")}
    found = next((shape for word, shape in given.items() if word in name), "1x4")
    return "1x20000" if name == "stride0_weight" else found


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", sorted(FILES.iterdir()), ids=lambda path: path.stem)
def test_what_is_small_costs_little(path: Path) -> None:
    before, code = _megabytes(), 0
    try:
        importer.read(path, [parse_input_spec(_shape(path.stem))])
    except PipelineError as error:
        assert any(place in f"{error.where}{error}{getattr(error, 'problems', '')}" for place in ("nn.", "input"))
        code = error.exit_code
    assert (code in (4, 5)) != (path.stem in CONVERTED)
    assert _megabytes() - before < 300


def _doubled(module, levels):
    for _ in range(levels):
        module = sequential(sequential(module, module, kind="ConcatTable"), nn("CAddTable"))
    return module


def test_a_module_that_runs_twice_on_one_value_is_one_node():
    graph = graph_of(_doubled(nn("Tanh"), 5), (2, 3))
    assert [node.operator.name for node in graph.nodes] == ["Tanh", *["Sum"] * 5]
    x = numbers(2, 3)
    check(_doubled(nn("Tanh"), 5), x, expected=32 * np.tanh(x))


def _thrice(m):
    return sequential(m, m, m)


def _in_nodes(m):
    nodes = [nn("nngraph.Node", data={"module": m, "mapindex": []}) for _ in range(2)]
    return nn("gModule", modules=[m], forwardnodes=nodes, innode=nn("nngraph.Node"), outnode=nn("nngraph.Node"))


def _on_two_items(m):
    both = sequential(nn("Tanh"), nn("Sigmoid"), kind="ConcatTable")
    return sequential(both, sequential(m, m, kind="ParallelTable"), nn("CAddTable"))


@pytest.mark.parametrize("nested", [_thrice, _in_nodes, _on_two_items])
def test_what_runs_too_many_modules_is_refused_before_any_runs(nested, monkeypatch):
    monkeypatch.setattr(Lowering, "run", None)
    module = nn("Tanh")
    for _ in range(60):
        module = nested(module)
    with pytest.raises(OverBudget, match=r"^the network is too large: [0-9]{2},[0-9]{3,} layers") as error:
        graph_of(module, (1, 4))
    assert "nn." in error.value.where


def test_replicas_and_branches_of_one_input_count_once():
    layer = sequential(*[nn("Tanh")] * 300)
    layers = sequential(*[layer] * 150)
    replicas = sequential(*[layers] * 8, kind="DataParallelTable")
    branches = sequential(sequential(replicas, replicas, kind="ConcatTable"), nn("CAddTable"))
    check_layers(Module(as_read(branches)))
    with pytest.raises(OverBudget):
        check_layers(Module(as_read(sequential(branches, branches))))


def test_tables_inside_each_other_are_counted_once():
    net = nn("Tanh")
    for _ in range(1900):
        net = sequential(net, kind="ConcatTable")
    with taking_less_than(3):
        assert len(graph_of(net, (1, 4)).nodes) == 1


def test_layers_deep_inside_each_other_are_read_back_by_their_long_names(tmp_path):
    net = nn("Tanh")
    for _ in range(400):
        net = sequential(sequential(net, kind="ConcatTable"), nn("SelectTable", index=1))
    outcome = convert(save(tmp_path / "net.t7", net), tmp_path / "out", inputs=("1x4",), runtimes=("none",))
    assert outcome.exit_code == 0


def test_a_module_in_place_runs_twice_all_the_same():
    add = nn("AddConstant", constant_scalar=1.0, inplace=True)
    x = numbers(2, 3)
    check(sequential(sequential(add, add, kind="ConcatTable"), nn("CAddTable")), x, expected=2 * (x + 2))


def test_a_module_runs_again_where_its_output_was_overwritten():
    twice = nn("MulConstant", constant_scalar=2.0)
    in_place = sequential(twice, nn("AddConstant", constant_scalar=1.0, inplace=True))
    x = numbers(2, 3)
    net = sequential(in_place, sequential(twice, nn("MulConstant", constant_scalar=3.0)), kind="ConcatTable")
    check(net, x, expected=[2 * x, 6 * x])


@pytest.mark.parametrize("value", [0.0, -1.0, 0.5, float("nan"), float("inf"), 2.0**31])
@pytest.mark.parametrize("field", ["kW", "dW", "nOutputPlane"])
def test_numbers_that_count_something_are_whole_and_positive(field: str, value: float) -> None:
    conv = nn(
        "SpatialConvolution",
        weight=numbers(2, 3, 3, 3),
        **{"nInputPlane": 3, "nOutputPlane": 2, "kW": 3, "kH": 3, "dW": 1, "dH": 1, field: value},
    )
    with pytest.raises(PipelineError) as error:
        graph_of(conv, (1, 3, 8, 8))
    assert error.value.exit_code == 5
    assert "nn.SpatialConvolution" in error.value.where


def _normalizing(**fields):
    pad, kernel = {f"pad_{side}": 1 for side in "lrtb"}, numbers(3, 3, 3, 3)
    planes = {"nInputPlane": 3, "nOutputPlane": 3, "kW": 3, "kH": 3, "dW": 1, "dH": 1}
    estimator = sequential(
        nn("SpatialZeroPadding", **{**pad, **{name: n for name, n in fields.items() if name in pad}}),
        nn("SpatialConvolution", weight=kernel, bias=np.zeros(3), **planes),
        nn("Sum", dimension=2),
        nn("Replicate", nfeatures=fields.get("nfeatures", 3), dim=2),
    )
    return nn("SpatialSubtractiveNormalization", meanestimator=estimator, nInputPlane=fields.get("nInputPlane", 3))


@pytest.mark.parametrize(
    "net",
    [
        _normalizing(pad_l=1e5),
        _normalizing(nfeatures=1e6),
        _normalizing(nInputPlane=1e9),
        nn("SpatialAdaptiveMaxPooling", H=1e5, W=1),
        nn("SpatialAdaptiveAveragePooling", H=1, W=1e6),
        nn("gModule", modules=[], forwardnodes=[], innode=nn("nngraph.Node"), nInputs=1e9),
    ],
    ids=["padding", "features", "planes", "rows", "columns", "items"],
)
def test_a_shape_that_is_only_tried_costs_nothing(net, tmp_path: Path) -> None:
    path, before = save(tmp_path / "net.t7", net), _megabytes()
    with taking_less_than(2), pytest.raises(PipelineError):
        importer.read(path, [])
    assert _megabytes() - before < 100


@pytest.mark.parametrize(
    ("kind", "name", "fields"),
    [
        ("LookupTable", "weight", {"maxNorm": 1.0, "normType": 2.0}),
        ("SpatialConvolutionMap", "connTable", {"weight": numbers(2, 3, 3), "nInputPlane": 2, "nOutputPlane": 2}),
        ("Constant", "value", {}),
    ],
)
def test_a_tensor_that_repeats_one_number_too_often_is_refused(kind: str, name: str, fields: dict[str, object]) -> None:
    before = _megabytes()
    many = strided(storage(np.ones(1, np.float32)), (40_000, 40_000), (0, 0))
    with pytest.raises(OverBudget) as error:
        graph_of(nn(kind, **fields, **{name: many}), (1, 2, 8, 8))
    assert error.value.where == f"nn.{kind}"
    assert _megabytes() - before < 100


def test_a_bias_that_is_too_short_for_its_rows_is_damage() -> None:
    rows = sequential(nn("Identity"), nn("Linear", weight=numbers(4, 3)), kind="ParallelTable")
    partial = nn("PartialLinear", network=sequential(rows), partition=[1, 4], bias=numbers(1), inputsize=3)
    with pytest.raises(InvalidInputError, match=r"the fields of nn\.PartialLinear make no sense"):
        graph_of(partial, (1, 3))
