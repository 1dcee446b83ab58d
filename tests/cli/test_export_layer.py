from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cli.app import run


def test_a_layer_becomes_a_network_that_can_be_converted_and_verified(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH2CAFFE2_STORE", str(tmp_path / "store"))
    small = tmp_path / "small"
    assert run(["export-layer", str(run_folder), "--layer", "conv", "--output", str(small)]) == 0
    assert capsys.readouterr().out == f"{small}\n"
    words = [
        "--weights",
        small / "model.caffemodel",
        "--reference",
        small / "reference.npz",
        "-o",
        tmp_path / "out",
        "-q",
    ]
    assert run(["convert", str(small / "deploy.prototxt"), *map(str, words)]) == 0
    checks = json.loads((tmp_path / "out" / "verification.json").read_text())["checks"]
    assert (checks[0]["by"], checks[0]["status"]) == ("reference.npz", "agrees")


@pytest.mark.parametrize("file", ["graph.json", "deploy.prototxt", "predict_net.pb"])
def test_a_span_is_cut_out_of_every_format(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    words = [
        "export-layer",
        str(run_folder / file),
        "--from",
        "act",
        "--to",
        "pool",
        "-o",
        str(tmp_path / "s.zip"),
        "--json",
    ]
    assert run(words) == 0
    assert json.loads(capsys.readouterr().out) == {
        "output": str(tmp_path / "s.zip"),
        "nodes": ["act", "pool"],
        "left_out": [],
    }


@pytest.mark.parametrize("words", [[], ["--from", "act"], ["--layer", "act", "--to", "pool"]])
def test_which_layers_are_meant_must_be_clear(run_folder: Path, tmp_path: Path, words: list[str]) -> None:
    assert run(["export-layer", str(run_folder), "-o", str(tmp_path / "small"), *words]) == 2
    assert not (tmp_path / "small").exists()


@pytest.mark.parametrize("name", ["small", "small.zip"])
def test_a_link_that_leads_nowhere_is_not_written_through(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    assert run(["export-layer", str(run_folder), "--layer", "conv", "-o", str(tmp_path / name)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert not (tmp_path / "elsewhere").exists()
