from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import InvalidInputError, UnsupportedError, UsageError
from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import run
from pipeline.graph.neutral import GRAPH_FILE, WEIGHTS_FILE
from pipeline.graph.serialization import read, write
from pipeline.graph.values import Graph, Origin
from tests.graph.operators.apply import close
from tests.support import numbers


def network() -> Graph:
    """Has weights of every type, an optional input left out, several outputs and attributes of every kind."""
    net = Builder("a network")
    x = net.input("in0", (2, 3, 5, 4))
    indices = net.input("in1", (2,), "int64")
    with net.at("0", Origin("features.0", "nn.SpatialConvolution")):
        w = net.weight(numbers(4, 3, 2, 2).astype(np.float64))
        window = {"kernel_shape": (2, 2), "strides": (1, 1), "pads": (0,) * 4, "dilations": (1, 1)}
        y = net.add("Conv", x, w, **window)
    with net.at("1", Origin("features.1", "nn.BatchNormalization")):
        mean, var = net.weight(numbers(4), "mean"), net.weight(np.abs(numbers(4, seed=1)), "var")
        y = net.add("BatchNormalization", y, None, None, mean, var)
    y = net.add("Clip", y, name="clip", min=-1.5, max=float("inf"))
    a, b = net.add_many("Split", y, name="split", split=(1, 3), axis=1)
    rows = net.add("Gather", b, net.weight(np.array([2, 0]), name="rows"), axis=1, name="gather")
    z = net.add("Gather", rows, indices, axis=0, name="picked")
    return net.finish([z, a])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(network(), tmp_path)
    return tmp_path


def test_a_graph_comes_back_as_it_was(folder: Path) -> None:
    before, after = network(), read(folder)
    assert (after.name, after.inputs, after.outputs) == (before.name, before.inputs, before.outputs)
    assert after.nodes == before.nodes
    assert list(after.weights) == list(before.weights)
    for name, array in before.weights.items():
        np.testing.assert_array_equal(after.weights[name], array.astype(after.weights[name].dtype))
    feeds = [numbers(2, 3, 5, 4), np.array([1, 1])]
    for one, other in zip(run(before, feeds), run(after, feeds), strict=True):
        close(one, other, 0)


def test_weights_are_aligned_views_of_the_file(folder: Path) -> None:
    for array in read(folder).weights.values():
        assert not array.flags.writeable
        assert not array.flags.owndata
        assert array.flags.aligned


def test_the_same_graph_gives_the_same_bytes_and_a_line_a_node(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    write(read(folder), again)
    for name in (GRAPH_FILE, WEIGHTS_FILE):
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    lines = (folder / GRAPH_FILE).read_text().splitlines()
    assert sum('"operator"' in line for line in lines) == len(network().nodes)
    json.loads((folder / GRAPH_FILE).read_text(), parse_constant=pytest.fail)  # strict JSON, no Infinity


def test_names_of_any_characters_come_back(tmp_path: Path) -> None:
    net = Builder("caf\u00e9 \u2603")
    x = net.input("in\0\n", (1,))
    graph = net.finish(
        [net.add("Relu", net.add("Add", x, net.weight(np.ones(1), name="\U0001f600"), name="ä"), name="y")]
    )
    write(graph, tmp_path)
    assert read(tmp_path).nodes == graph.nodes


def test_an_empty_graph_comes_back(tmp_path: Path) -> None:
    write(Builder().finish([]), tmp_path)
    assert read(tmp_path).nodes == ()


def document(folder: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((folder / GRAPH_FILE).read_text())
    return parsed


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("format", "onnx", "not a graph"),
        ("version", 99, "version 99"),
        ("name", 3, "3 should be a word"),
        ("outputs", ["nowhere"], "nowhere"),
        ("inputs", None, "no such name or field"),
        ("inputs.0.shape", [2, -3, 5, 4], "has shape"),
        ("inputs.0.shape", [2, 3.0, 5, 4], "has shape"),
        ("inputs.0.dtype", "float16", "float16"),
        ("inputs.0.name", "in1", "two values are called 'in1'"),
        ("nodes.0.inputs", ["in0", "later"], "later"),
        ("nodes.0.inputs", ["in0"], "Conv"),
        ("nodes.0.inputs", [None, None], "Conv"),
        ("nodes.0.inputs", [["in0"], "0_weight"], "no such name or field"),
        ("nodes.0.attributes.strides", [0, 1], "too small"),
        ("nodes.0.attributes.strides", ["inf", 1], "wrong type"),
        ("nodes.0.attributes.strides", [2**31, 1], "more than 32 bits"),
        ("nodes.0.attributes.group", 2**63, "more than 63 bits"),
        ("inputs.0.shape", [2, 0, 5, 4], "hold no number"),
        ("nodes.0.attributes.pads", [], "0 numbers, not 4"),
        ("nodes.0.attributes.more", 1, "unknown"),
        ("nodes.0.attributes", [], "missing"),
        ("nodes.0.outputs.0.shape", [2, 4, 4, 9], "does not give"),
        ("nodes.0.outputs", [], "does not give"),
        ("nodes.0.origin", [], "damaged"),
        ("nodes.2.attributes.min", "nan?", "wrong type"),
        ("nodes.1", None, "damaged"),
        ("nodes", {"a": 1}, "damaged"),
        ("name", "\udcff", "surrogates not allowed"),
        ("nodes.0.name", "conv\ud800", "surrogates not allowed"),
    ],
)
def test_a_damaged_graph_is_refused(folder: Path, path: str, value: Any, message: str) -> None:
    data: Any = document(folder)
    place = data
    *keys, last = (int(key) if key.isdigit() else key for key in path.split("."))
    for key in keys:
        place = place[key]
    place[last] = value
    (folder / GRAPH_FILE).write_text(json.dumps(data))
    with pytest.raises(InvalidInputError) as failure:
        read(folder)
    assert message in f"{failure.value.what} {failure.value.why}"
    assert GRAPH_FILE in failure.value.where


def test_operators_that_nobody_knows_are_refused_all_at_once(folder: Path) -> None:
    data = document(folder)
    data["nodes"][0]["operator"] = data["nodes"][2]["operator"] = "os.system"
    (folder / GRAPH_FILE).write_text(json.dumps(data))
    with pytest.raises(UnsupportedError) as failure:
        read(folder)
    assert [problem.reason for problem in failure.value.problems] == ["no operator 'os.system' is known"] * 2


@pytest.mark.parametrize("text", ["", "{", "[1]", '"graph"', '{"format": 1, "format": 2}', "[" * 100_000, "\xff"])
def test_a_file_that_holds_no_graph_is_refused(folder: Path, text: str) -> None:
    (folder / GRAPH_FILE).write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidInputError):
        read(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / WEIGHTS_FILE).unlink()
    with pytest.raises(UsageError, match=WEIGHTS_FILE):
        read(folder)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_is_read_or_refused_and_never_a_crash(folder: Path, data: st.DataObject) -> None:
    write(network(), folder)
    path = folder / data.draw(st.sampled_from([GRAPH_FILE, WEIGHTS_FILE]))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place : place + data.draw(st.integers(1, 50))]
    else:
        content[place] = data.draw(st.sampled_from(b'0179-"[]{},:.ntfe\x00\xff'))
    path.write_bytes(content)
    with suppress(InvalidInputError, UnsupportedError):
        read(folder)
