from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline import formats
from pipeline.diff.diff_files import compare
from pipeline.errors import UsageError
from pipeline.formats import Location
from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import run
from pipeline.graph.values import Origin
from pipeline.verification import export, feeds
from tests.verification.nets import network

FILES = [
    "deploy.prototxt",
    "graph.json",
    "init_net.pb",
    "manifest.json",
    "model.caffemodel",
    "model.onnx",
    "model.py",
    "model.safetensors",
    "predict_net.pb",
    "predict_net.pbtxt",
    "reference.npz",
    "weights.safetensors",
]


def piece() -> export.Piece:
    graph = network()
    return export.piece(graph, "act", "ip", feeds.random_inputs(graph, 3))


def test_a_piece_is_saved_in_every_format(tmp_path: Path) -> None:
    assert export.save(piece(), tmp_path / "small") == ()
    assert sorted(path.name for path in (tmp_path / "small").iterdir()) == FILES
    for file in ("deploy.prototxt", "predict_net.pb"):
        assert compare(Location(tmp_path / "small" / "graph.json"), Location(tmp_path / "small" / file)).same


@pytest.mark.parametrize("file", ["graph.json", "deploy.prototxt", "predict_net.pb"])
def test_the_expected_outputs_are_what_the_piece_gives(tmp_path: Path, file: str) -> None:
    export.save(piece(), tmp_path / "small")
    graph = formats.load(Location(tmp_path / "small" / file))
    reference = feeds.read_reference(tmp_path / "small" / "reference.npz", graph)
    np.testing.assert_allclose(run(graph, reference.inputs)[0], reference.outputs[0], rtol=0, atol=1e-5)


def test_the_manifest_says_what_was_cut_out_and_how_blobs_are_called(tmp_path: Path) -> None:
    export.save(piece(), tmp_path / "small")
    manifest = json.loads((tmp_path / "small" / "manifest.json").read_text())
    (taken,) = manifest["inputs"]
    assert (taken["name"], taken["shape"], taken["caffe_blob"]) == ("conv", [2, 4, 8, 8], "conv")
    assert manifest["outputs"][0]["caffe2_blob"] == "ip"
    assert manifest["cut"] == {
        "network": "small",
        "from": "act",
        "to": "ip",
        "inputs": "random, seed 3",
        "left out": [],
    }


def test_the_same_piece_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        export.save(piece(), tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert packed.namelist() == FILES
        assert packed.testzip() is None


def test_what_a_format_cannot_express_is_left_out_with_the_reason(tmp_path: Path) -> None:
    net = Builder("odd")
    x = net.input("x", (1, 3, 4, 4))
    with net.at("roi", Origin("7", "nn.Odd")):
        y = net.add("Floor", x)
    graph = net.finish([y])
    notes = export.save(export.piece(graph, "roi", "roi", feeds.random_inputs(graph, 0)), tmp_path / "small")
    assert notes
    assert all("7 (nn.Odd)" in note for note in notes)
    assert (tmp_path / "small" / "graph.json").is_file()


def test_a_place_that_is_taken_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        export.save(piece(), tmp_path)
    (tmp_path / "mine.zip").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        export.save(piece(), tmp_path / "mine.zip")
