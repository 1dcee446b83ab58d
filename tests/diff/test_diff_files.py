from __future__ import annotations

import json
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from pipeline import formats
from pipeline.diff.diff_files import as_json, as_table, compare
from pipeline.errors import InvalidInputError, UsageError
from pipeline.formats import Location
from tests.support import shared
from tests.verification import nets

FILES = ("graph.json", "deploy.prototxt", "predict_net.pb", "")


@pytest.mark.parametrize(("a", "b"), [*product(FILES, FILES)])
def test_the_formats_of_one_network_mean_the_same(run_folder: Path, a: str, b: str) -> None:
    found = compare(Location(run_folder / a), Location(run_folder / b))
    assert found.same
    assert not {change.what for change in found.changes} - {"added", "removed"}
    assert found.numbers is not None


@pytest.mark.parametrize(("a", "b"), [*product(FILES, FILES)])
def test_another_slope_is_found_in_every_format(run_folder: Path, tmp_path: Path, a: str, b: str) -> None:
    other = nets.saved(nets.network(slope=0.7), tmp_path / "other")
    found = compare(Location(run_folder / a), Location(other / b))
    assert not found.same
    assert found.numbers is not None
    assert found.numbers.first == "act"


def test_a_torch7_file_takes_the_shapes_of_the_other_network(tmp_path: Path) -> None:
    model = shared("fixtures", "torch7", "nets", "mnist_convnet", "model.t7")
    folder = nets.saved(formats.load(Location(model, inputs=("3x1x32x32",))), tmp_path / "run")
    for a, b in ((model, folder / "predict_net.pb"), (folder / "deploy.prototxt", model)):
        assert compare(Location(a), Location(b)).same


@pytest.mark.parametrize("name", ["resnet18_B", "textcnn_kim", "threshold_svhn"])
def test_what_a_format_writes_as_several_layers_is_the_same_in_meaning(name: str, tmp_path: Path) -> None:
    place = shared("fixtures", "torch7", "nets", name)
    with np.load(place / "io.npz") as arrays:
        shape = "x".join(map(str, arrays["in0"].shape))
    folder = nets.saved(formats.load(Location(place / "model.t7", inputs=(shape,))), tmp_path / "run")
    for file in ("deploy.prototxt", "predict_net.pb"):
        found = compare(Location(folder / "graph.json"), Location(folder / file))
        assert {change.what for change in found.changes} <= {"added", "removed"}
        assert found.same


def test_a_predict_net_without_shapes_takes_those_of_the_other(run_folder: Path, tmp_path: Path) -> None:
    for name in ("predict_net.pb", "init_net.pb"):
        shutil.copy(run_folder / name, tmp_path)
    assert compare(Location(tmp_path / "predict_net.pb"), Location(run_folder / "graph.json")).same
    with pytest.raises(UsageError, match="shape of input data is not known"):
        compare(Location(tmp_path / "predict_net.pb"), Location(tmp_path / "predict_net.pb"))


def test_a_prototxt_alone_is_compared_by_its_layers(run_folder: Path, tmp_path: Path) -> None:
    text = (run_folder / "deploy.prototxt").read_text()
    alone = tmp_path / "net.prototxt"
    alone.write_text(text)
    assert compare(Location(alone), Location(run_folder)).same
    alone.write_text(text.replace("stride: 2", "stride: 1"))
    assert not compare(Location(alone), Location(run_folder)).same


def test_a_prototxt_that_cannot_be_read_whole_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text('layer { name: "odd" type: "MyLayer" top: "y" }\n')
    with pytest.raises(InvalidInputError, match="cannot be read whole"):
        compare(Location(path), Location(path))


@pytest.mark.parametrize("file", ["model.caffemodel", "init_net.pb"])
def test_files_of_weights_are_compared_with_each_other(run_folder: Path, tmp_path: Path, file: str) -> None:
    other = nets.saved(nets.network(seed=5), tmp_path / "other")
    assert compare(Location(run_folder / file), Location(run_folder / file)).same
    found = compare(Location(run_folder / file), Location(other / file))
    assert len(found.changes) == 3
    assert not found.same


def test_weights_against_a_network_are_refused(run_folder: Path) -> None:
    with pytest.raises(UsageError, match="holds only weights"):
        compare(Location(run_folder / "model.caffemodel"), Location(run_folder / "graph.json"))


def test_the_table_ends_with_the_verdict(run_folder: Path, tmp_path: Path) -> None:
    other = nets.saved(nets.network(slope=0.7), tmp_path / "other")
    table = as_table(compare(Location(run_folder), Location(other)), "a -> b")
    assert table.rows == (("attribute", "act", "alpha: 0.1 -> 0.7"),)
    assert table.remarks[-1] == "the two differ"
    assert "first in act" in table.remarks[-2]


def test_the_json_is_strict(run_folder: Path, tmp_path: Path) -> None:
    other = nets.saved(nets.network(slope=0.7), tmp_path / "other")
    data = as_json(compare(Location(run_folder), Location(other)))
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["same"] is False
    assert data["outputs_agree"] is False
    assert data["changes"][0]["what"] == "attribute"
