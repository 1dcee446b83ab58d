"""The lines in `docs/exits.md` run what they say they run, and give the original's numbers."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pipeline.runtimes import discovery
from pipeline.runtimes.runtime import Runtime
from tests.support import convert

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "tests" / "data" / "demo"
SNIPPET = re.compile(r"^## (.+?)\n.*?```python\n(.*?)```", re.MULTILINE | re.DOTALL)
SNIPPETS = dict(SNIPPET.findall((ROOT / "docs" / "exits.md").read_text(encoding="utf-8")))
RUNTIMES = {
    "ONNX Runtime": "ONNXRuntime",
    "torch.export": "PyTorch",
}  # by the title of the section, where that is not the name


def interpreter(title: str) -> str:
    name = RUNTIMES.get(title, title)
    found = [each for each in discovery.search(os.environ) if isinstance(each, Runtime) and each.name == name]
    if not found:
        pytest.skip(f"{name} is not here")
    return found[0].interpreter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("exits")
    asked = {"inputs": ("2x1x32x32",), "to": ("onnx", "pt2", "caffe2"), "verify": False}
    convert(DEMO / "model.t7", place / "converted", **asked)
    with np.load(DEMO / "io.npz") as io:
        np.save(place / "converted" / "x.npy", io["in0"].astype(np.float32))
    return place / "converted"


def test_every_exit_has_lines_that_run_its_result() -> None:
    assert list(SNIPPETS) == ["ONNX Runtime", "PyTorch", "torch.export", "Caffe", "OpenCV", "Caffe2"]


@pytest.mark.parametrize("title", SNIPPETS)
def test_the_lines_give_the_numbers_of_the_original(title: str, folder: Path) -> None:
    code = SNIPPETS[title] + '\nnp.save("y.npy", y)\n'
    command = [interpreter(title), "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    with np.load(DEMO / "io.npz") as io:
        np.testing.assert_allclose(np.load(folder / "y.npy"), io["out0"], rtol=0, atol=1e-5)
