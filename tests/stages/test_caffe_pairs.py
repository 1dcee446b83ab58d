"""Pairs that a user brings, through the command line and the real stages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format

from pipeline.caffe.files import CaffeNet, write_pair
from pipeline.caffe.schema import NetParameter
from pipeline.caffe2 import files as caffe2_files
from pipeline.cli.app import run

PROTOTXT = """
name: "pair"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 9 dim: 9 } } }
layer { name: "more" type: "Input" top: "more" input_param { shape { dim: 1 dim: 4 } } }
layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 1 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 6 kernel_size: 3 pad: 1 bias_term: false } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "drop" type: "Dropout" bottom: "pool" top: "pool" }
layer { name: "ip" type: "InnerProduct" bottom: "pool" top: "ip" inner_product_param { num_output: 4 } }
layer { name: "sum" type: "Eltwise" bottom: "ip" bottom: "more" top: "sum" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "sum" bottom: "label" top: "loss" }
"""
OUTPUTS = ("--runtime", "none", "--progress", "plain")


class Pair:
    """A pair in a folder, and the command line over it."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capture = folder, capture
        self.prototxt, self.weights, self.output = (folder / n for n in ("net.prototxt", "net.caffemodel", "out"))
        numbers = np.random.default_rng(0)

        def some(*shape: int) -> np.ndarray[Any, Any]:
            return numbers.normal(size=shape).astype(np.float32)

        self.blobs: Mapping[str, tuple[np.ndarray[Any, Any], ...]] = {
            "conv": (some(6, 3, 3, 3),),
            "bn": (some(6), some(6) ** 2 + 1, np.array([2], np.float32)),
            "scale": (some(6), some(6)),
            "ip": (some(4, 150) / 10, some(4)),
        }
        write_pair(CaffeNet(text_format.Parse(PROTOTXT, NetParameter()), self.blobs), self.prototxt, self.weights)

    def __call__(self, command: str, *words: object, weights: Path | None = None) -> tuple[int, str, str]:
        code = run([command, str(self.prototxt), "--weights", str(weights or self.weights), *map(str, words)])
        out, err = self.capture.readouterr()
        return code, out, err

    def convert(self, *words: object, weights: Path | None = None) -> tuple[int, str, str]:
        return self("convert", "--output", self.output, *OUTPUTS, *words, weights=weights)

    def hdf5(self, name: str, blobs: Mapping[str, tuple[np.ndarray[Any, Any], ...]]) -> Path:
        h5py = pytest.importorskip("h5py")
        with h5py.File(self.folder / name, "w") as file:
            for layer, arrays in blobs.items():
                for index, array in enumerate(arrays):
                    file[f"data/{layer}/{index}"] = array
        return self.folder / name

    @property
    def signature(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.output / "manifest.json").read_text())
        return found

    def translate(self) -> dict[str, Any]:
        record = json.loads((self.output / "run.json").read_text())
        return next(stage for stage in record["stages"] if stage["name"] == "translate")

    def operators(self) -> list[str]:
        net = caffe2_files.read_pair(self.output / "predict_net.pb", self.output / "init_net.pb")
        return [operator.type for operator in net.predict.op]


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Pair:
    monkeypatch.setenv("TORCH2CAFFE2_STORE", str(tmp_path / "store"))
    return Pair(tmp_path, capsys)


def test_both_kinds_of_weights_give_the_same_net_and_missing_layers_are_told_not_zero(pair: Pair) -> None:
    code, _, err = pair.convert()
    assert code == 0, err
    note = "translate  note     loss (SoftmaxWithLoss): left out; --keep-loss keeps it"
    assert note in err.splitlines()
    predict, init = ((pair.output / name).read_bytes() for name in ("predict_net.pb", "init_net.pb"))
    assert [port["name"] for port in pair.signature["inputs"]] == ["data", "more"]
    assert [port["caffe2_blob"] for port in pair.signature["outputs"]] == ["sum"]

    weights = pair.hdf5("net.caffemodel.h5", {**pair.blobs, "aux": pair.blobs["scale"]})
    code, _, err = pair.convert(weights=weights)
    assert code == 0, err
    stray = "aux: the weights file has blobs for it, and the network has no such layer"
    assert pair.translate()["notes"] == [note.split("note")[1].strip(), stray]
    assert (pair.output / "predict_net.pb").read_bytes() == predict
    assert (pair.output / "init_net.pb").read_bytes() == init

    code, _, err = pair.convert("--force", "verify", weights=weights)
    assert (code, pair.translate()["state"]) == (0, "hit")
    assert f"translate  note     {stray}" in err.splitlines()

    without = {name: arrays for name, arrays in pair.blobs.items() if name != "scale"}
    code, _, err = pair.convert(weights=pair.hdf5("less.h5", without))
    assert code == 5
    assert "scale (Scale): parameter 0, of shape (6,), is not in the weights file" in err


def test_shapes_are_overridden_by_name_or_in_order_and_the_loss_stays_where_asked_for(pair: Pair) -> None:
    words = ("--input", "5x3x9x9", "--input", "label=5", "--input", "more=5x4", "--keep-loss")
    code, _, err = pair.convert(*words)
    assert code == 0, err
    inputs = {port["name"]: port["shape"] for port in pair.signature["inputs"]}
    assert inputs == {"data": [5, 3, 9, 9], "more": [5, 4], "label": [5]}
    assert [port["name"] for port in pair.signature["outputs"]] == ["loss"]
    assert pair.translate()["notes"] == []
    assert run(["verify", str(pair.output), "--seed", "3", "--runtime", "none", "-q"]) == 0
    code, _, err = pair.convert("--input", "nowhere=1x3")
    assert code == 2
    assert "the network has no input called nowhere" in err


def test_plan_scan_and_inspect_take_a_pair(pair: Pair) -> None:
    code, out, _ = pair("plan", "--json")
    assert (code, [stage["stage"] for stage in json.loads(out)["models"][0]["stages"]]) == (0, ["translate", "verify"])
    code, _, err = pair("scan")
    assert (code, err.splitlines()[0]) == (0, "note:  loss (SoftmaxWithLoss): left out; --keep-loss keeps it")
    code, _, err = pair("scan", "--keep-loss")
    assert (code, "note" in err) == (0, False)
    code, out, _ = pair("inspect")
    assert code == 0
    assert "SoftmaxWithLoss" in out


def test_passes_are_applied_verified_and_listed(pair: Pair) -> None:
    words = [word for name in ("fold_batchnorm", "explicit_pads", "remove_identity") for word in ("--optimize", name)]
    code, _, err = pair.convert("-v", *words)
    assert code == 0, err
    assert pair.operators() == ["Conv", "Relu", "MaxPool", "Reshape", "FC", "Sum"]
    net = caffe2_files.read_pair(pair.output / "predict_net.pb", pair.output / "init_net.pb")
    assert not any(argument.name == "legacy_pad" for operator in net.predict.op for argument in operator.arg)
    listed = json.loads((pair.output / "optimizations.json").read_text())
    assert {(change["by"], change["origin"]) for change in listed} == {
        ("fold_batchnorm", "bn (BatchNorm)"),
        ("fold_batchnorm", "scale (Scale)"),
        ("explicit_pads", "pool (Pooling)"),
        ("remove_identity", "drop (Dropout)"),
    }
    assert "translate  note     explicit_pads: 1 node changed" in err.splitlines()
    shown = [line.split() for line in err.splitlines() if line.startswith("fold_batchnorm")]
    assert "folded into conv (Convolution)" in " ".join(shown[0])
    checks = json.loads((pair.output / "verification.json").read_text())["checks"]
    assert [check["status"] for check in checks] == ["agrees"]


def test_an_unknown_pass_is_refused_before_anything_runs(pair: Pair) -> None:
    code, _, err = pair.convert("--optimize", "explicit_pad")
    assert code == 2
    assert "did you mean explicit_pads?" in err
    assert not (pair.output / "run.json").exists()


def test_a_typo_is_told_with_the_users_path_the_line_and_the_nearest_field(pair: Pair) -> None:
    pair.prototxt.write_text(PROTOTXT.replace("num_output: 6", "num_outptu: 6").replace("pool: MAX", "pol: MAX"))
    code, _, err = pair.convert()
    assert code == 4
    assert "  conv.convolution_param.num_outptu: no Caffe that is known has this field: 6\n" in err
    assert "    line 7: did you mean num_output?\n" in err
    assert "  pool.pooling_param.pol: no Caffe that is known has this field: MAX\n" in err
    assert "    line 12: did you mean pool?\n" in err
    assert f"  where: {pair.prototxt}\n" in err
    assert err.count("num_outptu") == 1  # although two stages have met it
    assert "artifacts" not in err


def test_a_typo_in_an_edited_prototxt_is_told_with_the_users_path(pair: Pair) -> None:
    assert pair.convert()[0] == 0
    prototxt = pair.output / "deploy.prototxt"
    prototxt.write_text(prototxt.read_text().replace("num_output: 6", "num_outputs: 6"))
    assert run(["resume", str(pair.output), "--adopt", "-q"]) == 4
    err = pair.capture.readouterr().err
    assert "  conv.convolution_param.num_outputs: no Caffe that is known has this field: 6\n" in err
    assert "    line 42: did you mean num_output?\n" in err
    assert f"  where: {prototxt}\n" in err


def test_a_misspelt_type_or_bottom_is_told_with_the_one_that_may_be_meant(pair: Pair) -> None:
    pair.prototxt.write_text(PROTOTXT.replace('"Pooling"', '"Poling"'))
    code, _, err = pair.convert()
    assert (code, "(Poling): no layer of this type is known: did you mean Pooling?\n" in err) == (4, True)
    pair.prototxt.write_text(PROTOTXT.replace('bottom: "conv"', 'bottom: "cnv"'))
    code, _, err = pair.convert()
    assert (code, "no layer before it has the top 'cnv': did you mean conv?\n" in err) == (5, True)
    assert f"  where: {pair.prototxt}\n" in err


def test_a_prototxt_that_is_cut_short_is_told_with_the_users_path_by_all_that_speaks(pair: Pair) -> None:
    pair.prototxt.write_text(PROTOTXT[: PROTOTXT.rindex("}")])
    code, out, err = pair.convert("--progress", "plain")
    assert (code, f"{pair.prototxt} is cut short, or a brace is missing" in err) == (5, True)
    assert "artifacts" not in out + err


def test_a_caffemodel_that_is_cut_short_is_told_with_its_bytes(pair: Pair) -> None:
    whole = pair.weights.read_bytes()
    pair.weights.write_bytes(whole[:-10])
    code, _, err = pair.convert()
    assert code == 5
    assert f"where: {pair.weights}, byte " in err
    assert f"it ends at byte {len(whole) - 10}, and field 100 goes on to byte {len(whole)}" in err
    assert "fetch or copy it again" in err
