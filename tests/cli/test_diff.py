from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cli.app import run
from tests.verification import nets


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("runs")
    return nets.saved(nets.network(), place / "a"), nets.saved(nets.network(slope=0.6), place / "b")


def test_networks_of_one_meaning_end_with_0(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", str(folders[0] / "graph.json"), str(folders[0] / "predict_net.pb")]) == 0
    assert capsys.readouterr().out.endswith("\nthe same in meaning\n")


def test_networks_that_differ_end_with_3(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", str(folders[0]), str(folders[1])]) == 3
    out = capsys.readouterr().out
    assert "attribute   act   alpha: 0.1 -> 0.6" in out
    assert out.endswith("\nthe two differ\n")


def test_the_difference_is_data_too(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", str(folders[0]), str(folders[1]), "--json", "--no-run"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["same"], found["outputs"]) == (False, None)
    assert found["changes"][0] == {
        "what": "attribute",
        "where": "act",
        "detail": "alpha: 0.1 -> 0.6",
        "before": pytest.approx(0.1),
        "after": pytest.approx(0.6),
    }


def test_each_side_takes_its_own_weights(folders: tuple[Path, Path], tmp_path: Path) -> None:
    prototxt = tmp_path / "net.prototxt"
    prototxt.write_text((folders[0] / "deploy.prototxt").read_text())
    other = nets.saved(nets.network(seed=9), tmp_path / "other")
    words = [str(prototxt), str(prototxt), "--weights", str(folders[0] / "model.caffemodel")]
    assert run(["diff", *words, "--other-weights", str(folders[1] / "model.caffemodel")]) == 0
    assert run(["diff", *words, "--other-weights", str(other / "model.caffemodel")]) == 3


@pytest.mark.parametrize("tolerance", ["nan", "inf", "-1"])
def test_a_tolerance_that_makes_no_sense_is_refused(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str], tolerance: str
) -> None:
    assert run(["diff", *map(str, folders), "--tolerance", tolerance]) == 2
    assert "tolerance cannot be" in capsys.readouterr().err
