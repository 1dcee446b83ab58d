"""Another module called `pipeline` is noticed, wherever Python finds it first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pipeline

ROOT = Path(__file__).parents[2]
USES = "import torch2caffe2; torch2caffe2.convert"


def run(*words: str, cwd: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (path, str(ROOT))))}
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=60
    )  # fmt: skip


@pytest.mark.parametrize("name", ["pipeline.py", "pipeline/__init__.py", "pipeline/notes.txt"])
def test_the_command_says_which_module_hides_it(name: str, tmp_path: Path) -> None:
    stray = tmp_path / name
    stray.parent.mkdir(exist_ok=True)
    stray.write_text("raise SystemExit('this ran')\n")
    done = run("-m", "torch2caffe2", "--version", cwd=tmp_path)
    if name.endswith(".txt"):  # a folder without code is behind any package, and hides nothing
        assert (done.returncode, done.stdout) == (0, f"torch2caffe2 {pipeline.__version__}\n")
        return
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: another module called pipeline hides the one of torch2caffe2: {stray}\n")
    assert "try: " in done.stderr


def test_so_does_the_library(tmp_path: Path) -> None:
    (tmp_path / "pipeline.py").write_text("")
    done = run("-c", USES, cwd=ROOT / "docs", path=str(tmp_path))
    assert done.returncode == 1
    assert f"ImportError: another module called pipeline hides the one of torch2caffe2: {tmp_path}" in done.stderr


def test_one_that_a_program_has_imported_already_is_noticed(tmp_path: Path) -> None:
    code = f"import sys, types; sys.modules['pipeline'] = types.ModuleType('pipeline'); {USES}"
    done = run("-c", code, cwd=tmp_path)
    assert "ImportError: another module called pipeline" in done.stderr


def test_the_program_starts_as_a_module(tmp_path: Path) -> None:
    done = run("-m", "torch2caffe2", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Usage: torch2caffe2" in done.stdout
