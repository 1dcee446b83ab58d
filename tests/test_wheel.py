"""The wheel holds what the program needs: built, installed beside nothing but libraries, it converts."""

from __future__ import annotations

import os
import re
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "pipeline", "torch2caffe2", "configs", "tests/data")


def done(*words: object, **how: object) -> str:
    """Run a command that succeeds; give what it prints."""
    command = [str(word) for word in words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200, **how)  # type: ignore[call-overload]
    assert ended.returncode == 0, ended.stderr
    return str(ended.stdout)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the sources, in which nothing lies that is not tracked."""
    pytest.importorskip("pip")
    place = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        copy = place / "tree" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", place)
    done(sys.executable, "-m", "pip", "wheel", "--quiet", *options, place / "tree")
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """Return an environment with the wheel, and with the libraries of this one but none of its programs."""
    place = wheel.parent / "environment"
    venv.create(place, with_pip=False)
    (folder,) = place.glob("lib/python*/site-packages")
    (folder / "libraries.pth").write_text("\n".join(site.getsitepackages()))
    how = ("--quiet", "--no-index", "--no-deps", wheel)
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # where pip would find it
    done(sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install", *how, env=alone)
    return place


def test_it_holds_every_file_of_the_packages_and_no_test(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for package in ("pipeline", "torch2caffe2"):
        inside = {path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*") if path.is_file()}
        assert {name for name in inside if "__pycache__" not in name} - set(names) == set()
    assert [name for name in names if name.startswith("tests/")] == []


@pytest.mark.parametrize("start", [("bin/torch2caffe2",), ("bin/python", "-m", "torch2caffe2")])
def test_what_it_installs_converts(installed: Path, tmp_path: Path, start: tuple[str, ...]) -> None:
    program, *words = start
    shutil.copy(ROOT / "tests" / "data" / "demo" / "model.t7", tmp_path)
    environment = {"PATH": os.environ["PATH"], "TORCH2CAFFE2_STORE": str(tmp_path / "store")}
    asked = ("convert", "model.t7", "--input", "2x1x32x32", "--runtime", "none", "--report", "page.html")
    said = done(installed / program, *words, *asked, cwd=tmp_path, env=environment)
    assert said == f"{tmp_path / 'model.converted'}\n"
    assert (tmp_path / "model.converted" / "predict_net.pb").is_file()
    assert (tmp_path / "page.html").read_text().startswith("<!")


def test_the_library_is_the_one_that_was_installed(installed: Path, tmp_path: Path) -> None:
    code = "import torch2caffe2, pipeline; torch2caffe2.convert; print(torch2caffe2.__file__, pipeline.__file__)"
    said = done(installed / "bin" / "python", "-c", code, cwd=tmp_path, env={})
    assert all(Path(name).is_relative_to(installed) for name in said.split())


def test_it_brings_the_examples_of_configurations(installed: Path) -> None:
    examples = sorted((installed / "share" / "torch2caffe2" / "configs").iterdir())
    assert [path.name for path in examples] == sorted(path.name for path in (ROOT / "configs").iterdir())
    for path in examples:
        for name in re.findall(r'^(?:model|reference) = "(.*/tests/.*)"', path.read_text(), re.MULTILINE):
            assert (path.parent / name).is_file()
