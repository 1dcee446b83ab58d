"""Conversions to an exported program, judged by PyTorch; what torch.export refuses costs no other exit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.runtimes.runtime import Runtime
from tests.support import PYTORCHES, convert
from tests.torch7.writer import nn, save, sequential

DEMO = Path(__file__).parents[1] / "data" / "demo"


@pytest.mark.parametrize("runtime", PYTORCHES)
def test_pytorch_bears_an_exported_program_out(runtime: Runtime, tmp_path: Path) -> None:
    asked = {"inputs": ("2x1x32x32",), "to": ("pt2",), "reference": DEMO / "io.npz", "runtimes": ("pytorch",)}
    assert convert(DEMO / "model.t7", tmp_path / "out", **asked).exit_code == 0
    verified = json.loads((tmp_path / "out" / "verification.json").read_text())
    assert [(step["step"], step["state"]) for step in verified["evidence"]] == [
        ("import", "judged"),
        ("to PyTorch", "judged"),
        ("to torch.export", "judged"),
    ]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["files"] == {"module": "model.py", "parameters": "model.safetensors", "pt2": "model.pt2"}


def test_what_torch_export_refuses_is_told_and_the_module_is_there(tmp_path: Path) -> None:
    save(tmp_path / "model.t7", sequential(nn("inn.ROIPooling", W=3, H=2, spatial_scale=0.5)))
    asked = {"inputs": ("1x2x6x7", "3x5"), "to": ("pt2",), "verify": False}
    outcome = convert(tmp_path / "model.t7", tmp_path / "out", **asked)
    assert [(stage.name, stage.state) for stage in outcome.record.stages] == [
        ("import", "done"),
        ("export-pytorch", "done"),
        ("export-pt2", "failed"),
    ]
    assert "torch.export refuses it" in str(outcome.errors[0].problems[0].reason)
