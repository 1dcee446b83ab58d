"""What the README, the pages of docs/ and the help of each command say to type runs as it stands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.app import run
from tests.support import convert, edit, numbers
from tests.torch7.writer import nn, save, sequential, tensor

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "tests" / "data" / "demo"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^ {4,}(?:\$ )?(torch2caffe2 [a-z][^\n]*)", re.MULTILINE)
FETCHES = "runtimes install"  # and takes gigabytes: tests/runtimes/test_install.py has it
ON_WORKERS = "--scheduler"  # of dask: tests/engine/executors/test_cluster.py has it
BUCKET = "s3://bucket"  # which a folder stands for: tests/store/test_remote.py has a server of S3
USAGE = "[OPTIONS]"  # a form, and nothing to type

# One layer that our schema knows, and one that it does not, of SSD.
SSD = """
input: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }
layer { name: "relu" type: "ReLU" bottom: "data" top: "relu" }
layer { name: "detection_out" type: "DetectionOutput" bottom: "relu" top: "detection_out" }
"""

ZOO = """
[[model]]
model = "models/model.t7"
inputs = ["2x1x32x32"]
[[model]]
model = "net.prototxt"
weights = "net.caffemodel"
"""


def python_in(page: str) -> str:
    """Return all Python of a page, each block in the names of those before it."""
    return "\n".join(PYTHON.findall((ROOT / page).read_text(encoding="utf-8")))


def with_ours() -> dict[str, str]:
    """Return an environment in which Python finds this program."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def commands() -> list[str]:
    """Return each command line that a page shows, once."""
    found = [line for page in PAGES for line in COMMAND.findall(page.read_text(encoding="utf-8"))]
    return [line for line in dict.fromkeys(found) if not any(word in line for word in (FETCHES, ON_WORKERS, USAGE))]


@pytest.mark.parametrize("page", ["README.md", "docs/library.md"])
def test_the_python_of_a_page_runs(page: str, tmp_path: Path) -> None:
    shutil.copy(DEMO / "model.t7", tmp_path)
    code = python_in(page)
    assert "torch2caffe2.convert(" in code
    environment = with_ours() | {"TORCH2CAFFE2_STORE": str(tmp_path / "store")}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=200
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert str(tmp_path / "converted" / "model.onnx") in done.stdout


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that the pages speak of, under their names there."""
    place = tmp_path_factory.mktemp("snippets")
    shutil.copytree(DEMO, place / "tests" / "data" / "demo")
    shutil.copy(DEMO / "model.t7", place / "model.t7")
    shutil.copy(DEMO / "io.npz", place / "io.npz")
    shutil.copy(ROOT / "tests" / "data" / "torch7" / "checkpoint_charrnn" / "model.t7", place / "checkpoint.t7")
    (place / "models").mkdir()
    for name in ("model.t7", "checkpoint.t7"):
        shutil.copy(place / name, place / "models" / name)
    assert convert(place / "model.t7", place / "out", inputs=("2x1x32x32",), runtimes=("none",)).exit_code == 0
    weights = {"weight": tensor(numbers(2, 3, 3, 3)), "bias": tensor(numbers(2))}
    window = {"nInputPlane": 3, "nOutputPlane": 2, "kW": 3, "kH": 3, "dW": 2, "dH": 2, "padW": 0, "padH": 0}
    save(place / "images.t7", sequential(nn("SpatialConvolution", **window, **weights), nn("ReLU")))
    shutil.copy(place / "out" / "deploy.prototxt", place / "net.prototxt")
    shutil.copy(place / "out" / "model.caffemodel", place / "net.caffemodel")
    (place / "ssd.prototxt").write_text(SSD)
    (place / "ssd.caffemodel").write_bytes(b"\n\x03ssd")  # a net of that name, and no weights
    (place / "zoo.toml").write_text(ZOO)
    (place / "swish.py").write_text(PYTHON.findall((ROOT / "README.md").read_text(encoding="utf-8"))[1])
    return place


@pytest.mark.parametrize("line", commands())
def test_what_a_page_says_to_type_runs(
    line: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, *words = shlex.split(line.replace(BUCKET, (tmp_path / "bucket").as_uri()))
    (tmp_path / "bucket").mkdir()
    place = shutil.copytree(files, tmp_path / "here")
    monkeypatch.chdir(place)
    monkeypatch.setenv("TORCH2CAFFE2_STORE", str(tmp_path / "store"))
    if "1x3x" in line:  # of images with three channels
        shutil.move(place / "images.t7", place / "model.t7")
    if "zoo" in words and words[0] != "convert":
        assert run(["convert", "models", "-q", "-o", "zoo", "--no-verify"]) == 0
    elif words[0] in ("resume", "verify", "lineage"):  # what their own store knows
        shutil.rmtree(place / "out")
        assert run(["convert", "model.t7", "-q", "-o", "out", "--input", "2x1x32x32", "--runtime", "none"]) == 0
    if "--adopt" in words:
        prototxt = place / "out" / "deploy.prototxt"
        edit(prototxt, prototxt.read_bytes().replace(b"9_Tanh", b"tanh"))
    if words[0] == "convert" and "--require-runtime" not in words:
        words += ["--runtime", "none"]
    if "--plugin" in words:  # which stays in the process that it is loaded in
        assert subprocess.run([sys.executable, "-m", "pipeline", *words], env=with_ours(), check=False).returncode == 0
    else:
        assert run(words) == 0, capsys.readouterr().err


def test_there_is_something_to_type_for_every_command() -> None:
    told = " ".join(commands())
    for name in ("convert", "resume", "plan", "status", "scan", "inspect", "diff", "verify", "cache", "lineage"):
        assert f"torch2caffe2 {name}" in told
