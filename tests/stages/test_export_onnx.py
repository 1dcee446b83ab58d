"""Conversions to ONNX: from a Torch7 file, from a Caffe pair, and of what Caffe cannot express."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.graph import serialization
from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import run
from pipeline.graph.format import Source
from pipeline.graph.values import Origin
from pipeline.onnx.format import ONNX
from tests.support import ONNX_RUNTIMES, convert, edit, states

DEMO = Path(__file__).parents[1] / "data" / "demo"
TO_ONNX = {"inputs": ("2x1x32x32",), "to": ("onnx",), "verify": False}


def computes_as_torch7(folder: Path) -> None:
    network = ONNX.read(Source(ONNX.in_folder(folder)))
    with np.load(DEMO / "io.npz") as io:
        (found,) = run(network.graph, [io["in0"].astype(np.float32)])
        np.testing.assert_allclose(found, io["out0"], rtol=0, atol=1e-5)


def test_a_torch7_file_becomes_a_model_without_caffe_on_the_way(tmp_path: Path) -> None:
    outcome = convert(DEMO / "model.t7", tmp_path / "out", **TO_ONNX)
    assert states(outcome) == {"import": "done", "export-onnx": "done"}
    computes_as_torch7(tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["files"] == {"onnx": "model.onnx"}
    assert [port["onnx_blob"] for port in manifest["inputs"] + manifest["outputs"]] == ["input", "11_LogSoftMax"]


def test_a_caffe_pair_becomes_a_model(tmp_path: Path) -> None:
    convert(DEMO / "model.t7", tmp_path / "pair", inputs=("2x1x32x32",), to=("caffe",), verify=False)
    prototxt, weights = tmp_path / "pair" / "deploy.prototxt", tmp_path / "pair" / "model.caffemodel"
    outcome = convert(prototxt, tmp_path / "out", weights=weights, to=("onnx",), verify=False)
    assert states(outcome) == {"export-onnx": "done"}
    computes_as_torch7(tmp_path / "out")


def test_the_model_is_the_same_whatever_else_is_made(tmp_path: Path) -> None:
    convert(DEMO / "model.t7", tmp_path / "alone", **TO_ONNX)
    both = convert(DEMO / "model.t7", tmp_path / "both", **{**TO_ONNX, "to": ("onnx", "caffe2")})
    assert states(both) == {"import": "hit", "emit": "done", "export-onnx": "hit", "translate": "done"}


def test_an_edited_prototxt_is_where_the_model_comes_from(tmp_path: Path) -> None:
    from pipeline.engine import runner

    out = tmp_path / "out"
    convert(DEMO / "model.t7", out, **{**TO_ONNX, "to": ("onnx", "caffe")})
    text = (out / "deploy.prototxt").read_bytes()
    edit(out / "deploy.prototxt", text.replace(b'"TanH"', b'"Sigmoid"'))
    outcome = runner.resume(out, lambda event: None, adopt=True)
    assert states(outcome) == {"export-onnx": "done"}
    kinds = {node.operator.name for node in ONNX.read(Source(ONNX.in_folder(out))).graph.nodes}
    assert "Sigmoid" in kinds and "Tanh" not in kinds


@pytest.fixture
def regions(tmp_path: Path) -> Path:
    """A network whose regions of interest Caffe has no layer for."""
    net = Builder("regions")
    images, rois = net.input("images", (1, 2, 8, 8)), net.input("rois", (3, 5))
    with net.at("pool", Origin("1", "inn.ROIPooling")):
        pooled = net.add("MaxRoiPool", images, rois, pooled_shape=(2, 2))
    (tmp_path / "net").mkdir()
    serialization.write(net.finish([pooled]), tmp_path / "net")
    return tmp_path / "net" / "graph.json"


def test_what_caffe_cannot_express_costs_this_exit_nothing(regions: Path, tmp_path: Path) -> None:
    outcome = convert(regions, tmp_path / "out", to=("onnx", "caffe"), verify=False)
    assert states(outcome) == {"emit": "failed", "export-onnx": "done"}
    assert outcome.exit_code == 4
    alone = convert(regions, tmp_path / "alone", to=("onnx",), verify=False)
    assert alone.exit_code == 0
    assert (tmp_path / "alone" / "model.onnx").is_file()


@pytest.mark.parametrize("engine", ONNX_RUNTIMES)
def test_onnx_runtime_bears_every_value_out(engine: object, tmp_path: Path) -> None:
    asked = {**TO_ONNX, "verify": True, "reference": DEMO / "io.npz", "runtimes": ("onnxruntime",)}
    assert convert(DEMO / "model.t7", tmp_path / "out", **asked).exit_code == 0
    checks = json.loads((tmp_path / "out" / "verification.json").read_text())["checks"]
    (check,) = [check for check in checks if check["by"].startswith("ONNXRuntime")]
    assert (check["status"], check["binding"], check["values"]) == ("agrees", True, 11)
