"""The Python in the README and in docs/library.md runs as it stands, in a folder with the demo's network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def python_in(page: str) -> str:
    """Return all Python of a page, each block in the names of those before it."""
    return "\n".join(PYTHON.findall((ROOT / page).read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", ["README.md", "docs/library.md"])
def test_the_python_of_a_page_runs(page: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "tests" / "data" / "demo" / "model.t7", tmp_path)
    code = python_in(page)
    assert "torch2caffe2.convert(" in code
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TORCH2CAFFE2_STORE": str(tmp_path / "store")}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=200
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert str(tmp_path / "converted" / "model.onnx") in done.stdout
