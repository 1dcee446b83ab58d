"""Without PyTorch everything works but what computes numbers, and that says what to install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.engine import fingerprint, runner
from pipeline.errors import MissingLibrary
from tests.support import convert

ROOT = Path(__file__).parents[1]
MODEL = str(ROOT / "tests" / "data" / "demo" / "model.t7")
SHAPE = ("--input", "2x1x32x32")
BLOCKED = "import sys; sys.modules['torch'] = None; from pipeline.cli.app import run; sys.exit(run(sys.argv[1:]))"
COMMAND = "uv pip install --torch-backend cpu torch"


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command line in a Python in which there is no torch."""
    command = [sys.executable, "-c", BLOCKED, *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TORCH2CAFFE2_STORE": str(folder / "store")}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a conversion that was made without torch, into every format."""
    place = tmp_path_factory.mktemp("without-torch")
    formats = [word for name in ("caffe2", "onnx", "pytorch") for word in ("--to", name)]
    done = run(place, "convert", MODEL, *SHAPE, *formats, "--no-verify", "-o", "out")
    assert (done.returncode, done.stdout) == (0, f"{place / 'out'}\n"), done.stderr
    return place


@pytest.mark.parametrize(
    "words",
    [
        ("inspect", MODEL, "--stats"),
        ("inspect", "out/init_net.pb"),
        ("scan", MODEL),
        ("plan", MODEL, *SHAPE),
        ("diff", MODEL, "out/graph.json", *SHAPE, "--no-run"),
        ("status", "out"),
        ("report", "out"),
        ("doctor",),
        ("operators",),
    ],
)
def test_what_computes_nothing_needs_none(folder: Path, words: tuple[str, ...]) -> None:
    done = run(folder, *words)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("convert", MODEL, *SHAPE, "-o", "verified"),
        ("verify", "out"),
        ("diff", "out/deploy.prototxt", "out/graph.json"),
        ("export-layer", "out", "--layer", "5_Tanh", "-o", "small.zip"),
    ],
)
def test_what_computes_numbers_says_what_to_install(folder: Path, words: tuple[str, ...]) -> None:
    done = run(folder, *words)
    assert done.returncode == 2
    assert "torch, which is not installed" in done.stderr
    assert COMMAND in done.stderr
    assert "bug" not in done.stderr


def test_a_run_that_would_need_it_is_refused_before_it_makes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = fingerprint.library
    monkeypatch.setattr(runner.fingerprint, "library", lambda name: "absent" if name == "torch" else installed(name))
    with pytest.raises(MissingLibrary, match="verify needs torch") as told:
        convert(Path(MODEL), tmp_path / "out", inputs=("2x1x32x32",))
    assert told.value.advice.endswith("--without verify")
    assert list((tmp_path / "out").iterdir()) == []
    assert convert(Path(MODEL), tmp_path / "out", inputs=("2x1x32x32",), without=("verify",)).exit_code == 0
