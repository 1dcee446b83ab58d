"""A user edits what lies in the output folder, and goes on from there: the real stages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine import runner
from pipeline.errors import UsageError
from pipeline.store.store import Artifact, Store
from tests.support import convert, edit
from tests.verification import nets


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Return the output folder of a conversion of a Caffe pair."""
    pair = nets.saved(nets.network(), tmp_path / "net")
    outcome = convert(pair / "deploy.prototxt", tmp_path / "out", weights=pair / "model.caffemodel")
    assert outcome.exit_code == 0, outcome.error
    return outcome.output


def _resume(folder: Path, **words: Any) -> tuple[runner.Outcome, list[str]]:
    outcome = runner.resume(folder, lambda event: None, **words)
    return outcome, [stage.name for stage in outcome.record.stages if stage.state == "done"]


def _replace(folder: Path, before: str, after: str) -> None:
    path = folder / "deploy.prototxt"
    text = path.read_text()
    assert before in text
    edit(path, text.replace(before, after).encode())


def _files(folder: Path) -> dict[str, bytes]:
    names = ("deploy.prototxt", "model.caffemodel", "predict_net.pb", "init_net.pb", "verification.json")
    return {name: (folder / name).read_bytes() for name in names}


def _checks(folder: Path) -> dict[str, dict[str, Any]]:
    return {check["by"]: check for check in json.loads((folder / "verification.json").read_text())["checks"]}


def test_without_adopt_the_changed_file_is_named_and_nothing_is_overwritten(output: Path) -> None:
    _replace(output, "negative_slope: 0.1", "negative_slope: 0.2")
    before = _files(output)
    with pytest.raises(UsageError, match=r"deploy\.prototxt"):
        _resume(output)
    assert _files(output) == before


def test_an_edited_prototxt_becomes_an_artifact_with_origin_and_parent_and_is_translated_and_verified(
    output: Path,
) -> None:
    before = _files(output)
    _replace(output, "negative_slope: 0.1", "negative_slope: 0.2")
    outcome, ran = _resume(output, adopt=True)
    assert outcome.exit_code == 0, outcome.error
    assert ran == ["translate", "verify"]
    store = Store(output.parent / "store")
    (edited,) = [a for a in store.artifacts() if isinstance(a, Artifact) and a.manifest["origin"] == "edited"]
    parent = store.read(edited.manifest["parents"]["caffe"])
    assert isinstance(parent, Artifact)
    assert (parent.path / "deploy.prototxt").read_bytes() == before["deploy.prototxt"]  # upstream is left alone
    assert "negative_slope: 0.2" in (output / "deploy.prototxt").read_text()
    assert (output / "predict_net.pb").read_bytes() != before["predict_net.pb"]


def test_the_difference_from_the_net_before_the_edit_is_told_and_fails_nothing(output: Path) -> None:
    _replace(output, "negative_slope: 0.1", "negative_slope: 0.2")
    outcome, _ = _resume(output, adopt=True)
    assert outcome.record.state == "done"
    checks = _checks(output)
    told = checks["the net before it was edited"]
    assert (told["status"], told["binding"], told["diverges_at"]) == ("differs", False, "act")
    assert checks["caffe2 read back"]["status"] == "agrees"
    assert checks["caffe2 read back"]["binding"]


def test_an_edit_of_the_input_shape_is_no_fault(output: Path) -> None:
    _replace(output, "dim: 2", "dim: 3")  # the batch
    outcome, _ = _resume(output, adopt=True)
    assert outcome.exit_code == 0, outcome.error
    assert _checks(output)["the net before it was edited"]["status"] == "skipped"


def test_a_replaced_caffemodel_is_translated_and_verified(output: Path) -> None:
    other = nets.saved(nets.network(seed=1), output.parent / "other")
    (output / "model.caffemodel").unlink()
    (output / "model.caffemodel").write_bytes((other / "model.caffemodel").read_bytes())
    outcome, ran = _resume(output, adopt=True)
    assert (outcome.exit_code, ran) == (0, ["translate", "verify"]), outcome.error
    assert _checks(output)["the net before it was edited"]["diverges_at"] == "conv"


@pytest.mark.parametrize(
    ("before", "after", "code", "said"),
    [
        ('type: "ReLU"', 'type: "Rlu"', 4, "Rlu"),  # every layer is known
        ('bottom: "act"', 'bottom: "atc"', 5, "atc"),  # shapes are consistent
        ("num_output: 4", "num_output: 5", 5, "conv (Convolution): blob 0"),  # weights fit
        ("layer {", "layer [", 5, "deploy.prototxt"),  # it is a prototxt at all
    ],
)
def test_an_edit_that_breaks_the_net_is_refused_with_the_readers_error(
    output: Path, before: str, after: str, code: int, said: str
) -> None:
    from pipeline.errors import render

    _replace(output, before, after)
    files = _files(output)
    outcome, _ = _resume(output, adopt=True)
    assert outcome.error is not None
    assert outcome.exit_code == code, outcome.error
    assert said in render(outcome.error)
    assert _files(output) == files
