"""Conversions to PyTorch: from a Torch7 file and from a Caffe pair, judged by PyTorch; nobody else's code is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine import runner
from pipeline.errors import UsageError
from pipeline.runtimes.runtime import Runtime
from tests.support import PYTORCHES, convert, edit, states

DEMO = Path(__file__).parents[1] / "data" / "demo"
TEXT = Path(__file__).parents[1] / "data" / "torch7" / "textcnn_kim"
TO_PYTORCH = {"inputs": ("2x1x32x32",), "to": ("pytorch",), "verify": False}


def check_of(folder: Path) -> dict[str, Any]:
    checks = json.loads((folder / "verification.json").read_text())["checks"]
    (check,) = [check for check in checks if check["by"].startswith("PyTorch")]
    return check


def test_a_torch7_file_becomes_a_module_without_caffe_on_the_way(tmp_path: Path) -> None:
    outcome = convert(DEMO / "model.t7", tmp_path / "out", **TO_PYTORCH)
    assert states(outcome) == {"import": "done", "export-pytorch": "done"}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["files"] == {"module": "model.py", "parameters": "model.safetensors"}
    assert [port["pytorch_blob"] for port in manifest["inputs"] + manifest["outputs"]] == ["input", "11_LogSoftMax"]


def test_a_dropout_is_in_the_module_that_may_be_trained_and_not_in_the_net_that_is_deployed(tmp_path: Path) -> None:
    (shape,) = json.loads((TEXT / "meta.json").read_text())["input_shapes"]
    inputs = ("x".join(map(str, shape)),)
    convert(TEXT / "model.t7", tmp_path / "out", inputs=inputs, to=("pytorch", "caffe"), verify=False)
    assert "nn.Dropout(0.5)" in (tmp_path / "out" / "model.py").read_text()
    assert "Dropout" not in (tmp_path / "out" / "deploy.prototxt").read_text()


@pytest.mark.parametrize("runtime", PYTORCHES)
def test_pytorch_bears_what_every_submodule_gives_out_against_the_original(runtime: Runtime, tmp_path: Path) -> None:
    asked = {**TO_PYTORCH, "verify": True, "reference": DEMO / "io.npz", "runtimes": ("pytorch",)}
    assert convert(DEMO / "model.t7", tmp_path / "out", **asked).exit_code == 0
    check = check_of(tmp_path / "out")
    assert (check["status"], check["binding"], check["values"]) == ("agrees", True, 11)


@pytest.mark.parametrize("runtime", PYTORCHES)
def test_a_caffe_pair_becomes_a_module_and_pytorch_bears_it_out(runtime: Runtime, tmp_path: Path) -> None:
    convert(DEMO / "model.t7", tmp_path / "pair", inputs=("2x1x32x32",), to=("caffe",), verify=False)
    prototxt, weights = tmp_path / "pair" / "deploy.prototxt", tmp_path / "pair" / "model.caffemodel"
    outcome = convert(prototxt, tmp_path / "out", weights=weights, to=("pytorch",), runtimes=("pytorch",))
    assert states(outcome) == {"export-pytorch": "done", "verify": "done"}
    assert check_of(tmp_path / "out")["status"] == "agrees"


def test_a_module_that_somebody_edited_is_not_taken_over_and_so_never_run(tmp_path: Path) -> None:
    out = tmp_path / "out"
    convert(DEMO / "model.t7", out, **TO_PYTORCH)
    trap = f"\nPath({str(tmp_path / 'trapped')!r}).touch()\n"
    edit(out / "model.py", (out / "model.py").read_bytes() + trap.encode())
    with pytest.raises(UsageError, match="cannot be adopted"):
        runner.resume(out, lambda event: None, adopt=True)
    assert not (tmp_path / "trapped").exists()
