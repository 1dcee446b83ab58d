"""Networks beyond the limit of protobuf, made small by a small limit: refused with advice, or written otherwise."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.caffe2.files import init_nets, read_pair, read_weights
from pipeline.cli.app import run
from pipeline.wire import splice
from tests.torch7.writer import nn, save, sequential


class Conversion:
    """A chain of four Linear layers, converted through the command line."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.model, self.output, self.capture = folder / "net.t7", folder / "out", capture
        random = np.random.default_rng(0)
        weights = [random.normal(size=(30, 30)).astype("f4") / 5 for _ in range(4)]
        layers = [nn("Linear", weight=w, bias=random.normal(size=30).astype("f4")) for w in weights]
        save(self.model, sequential(*layers))

    def __call__(self, *words: str, runtime: str = "none") -> tuple[int, str]:
        shape, output = ("--input", "2x30"), ("--output", str(self.output))
        code = run(["convert", str(self.model), *shape, *output, "--runtime", runtime, "--progress", "none", *words])
        return code, self.capture.readouterr().err

    def json(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.output / name).read_text())
        return found

    @property
    def names(self) -> set[str]:
        return {path.name for path in self.output.iterdir()}


@pytest.fixture
def convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Conversion:
    monkeypatch.setenv("TORCH2CAFFE2_STORE", str(tmp_path / "store"))
    return Conversion(tmp_path, capsys)


def test_what_protobuf_cannot_hold_is_refused_with_the_option_that_helps(
    convert: Conversion, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("h5py")
    monkeypatch.setattr(splice, "LIMIT", 8000)
    code, said = convert()
    assert code == 4
    assert "model.caffemodel would be too large" in said
    assert "--weights-format hdf5" in said
    code, said = convert("--weights-format", "hdf5")
    assert code == 4
    assert "init_net.pb would be too large" in said
    assert "--split-init" in said
    assert not convert.names & {"init_net.pb", "manifest.json"}
    code, said = convert("--weights-format", "hdf5", "--split-init")
    assert code == 0, said


def test_hdf5_weights_are_delivered_named_verified_and_shown(convert: Conversion) -> None:
    pytest.importorskip("h5py")
    pytest.importorskip("cv2")
    assert convert()[0] == 0
    init = (convert.output / "init_net.pb").read_bytes()
    code, said = convert("--weights-format", "hdf5", runtime="opencv")
    assert code == 0, said
    assert "model.caffemodel.h5" in convert.names
    assert "model.caffemodel" not in convert.names
    assert convert.json("manifest.json")["files"]["caffemodel"] == "model.caffemodel.h5"
    assert (convert.output / "init_net.pb").read_bytes() == init
    checks = {
        check["by"].split()[0]: check
        for check in convert.json("verification.json")["checks"]
        if check["reads"] == "caffe"
    }
    assert checks["caffe"]["status"] == "agrees"
    assert (checks["OpenCV"]["status"], checks["OpenCV"]["why"]) == ("skipped", "it cannot read weights in HDF5")
    assert run(["inspect", str(convert.output / "deploy.prototxt"), "--json"]) == 0
    assert sum(layer["parameters"] for layer in json.loads(convert.capture.readouterr().out)["layers"]) == 4 * 930


def test_without_h5py_nothing_is_run(convert: Conversion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    code, said = convert("--weights-format", "hdf5")
    assert code == 2
    assert "torch2caffe2[hdf5]" in said


def test_several_init_nets_are_listed_verified_and_shown(convert: Conversion, monkeypatch: pytest.MonkeyPatch) -> None:
    assert convert()[0] == 0
    whole = read_weights(convert.output / "init_net.pb")
    with monkeypatch.context() as small:
        small.setattr(splice, "LIMIT", 8000)
        code, said = convert("--split-init")  # the caffemodel is cached
        assert code == 0, said
        predict, *inits = convert.output / "predict_net.pb", *init_nets(convert.output / "init_net.pb")
        files = convert.json("manifest.json")["files"]
        assert files["init_net"] == "init_net.pb"
        assert files["init_nets"] == [path.name for path in inits] == ["init_net.pb", "init_net_2.pb"]
        assert all(path.stat().st_size < 8000 for path in inits)
        assert list(read_pair(predict, *inits).weights) == list(whole)
        assert convert.json("verification.json")["passed"]
        for path, count in ((predict, 4 * 930), (inits[0], 2 * 930), (inits[1], 2 * 930)):
            assert run(["inspect", str(path), "--json"]) == 0
            shown = json.loads(convert.capture.readouterr().out)
            assert sum(part["parameters"] for part in shown["layers"]) == count, path
    assert run(["diff", str(predict), str(convert.output / "deploy.prototxt")]) == 0
    assert run(["verify", str(convert.output), "--runtime", "none", "--seed", "1", "-q"]) == 0


def test_one_init_net_again_removes_the_others(convert: Conversion, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as small:
        assert convert()[0] == 0
        small.setattr(splice, "LIMIT", 8000)
        assert convert("--split-init")[0] == 0
    assert "init_net_2.pb" in convert.names
    assert convert()[0] == 0
    assert "init_net_2.pb" not in convert.names
    assert "init_nets" not in convert.json("manifest.json")["files"]
