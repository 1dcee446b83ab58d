"""The site is built without a broken link, its notebooks run, and what is generated in it is current."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.reference import page

ROOT = Path(__file__).parents[1]
NOTEBOOKS = {"torch7": (2, 2), "caffe": (1, 2), "plugin": (0, 2)}  # how many pictures and tables each shows


def test_the_page_of_commands_is_made_of_the_commands() -> None:
    assert (ROOT / "docs" / "cli.md").read_text() == page(), "python -m pipeline.cli.reference > docs/cli.md"


def test_every_page_has_its_place_in_the_site() -> None:
    places = re.findall(r"^ +- .*: ([\w./-]+)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= set(places)


def test_every_notebook_is_run() -> None:
    assert {path.stem for path in (ROOT / "docs" / "tutorial").glob("*.py")} == set(NOTEBOOKS)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_and_shows_pictures(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for needed in ("ipykernel", "matplotlib", "cv2", "onnxruntime"):
        pytest.importorskip(needed, exc_type=ImportError)
    jupytext = pytest.importorskip("jupytext")
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = jupytext.read(ROOT / "docs" / "tutorial" / f"{name}.py")
    nbclient.NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    tables = sum("<table" in output.get("data", {}).get("text/html", "") for output in outputs)
    assert (pictures, tables) == NOTEBOOKS[name]
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_the_site_is_built_without_a_broken_link(tmp_path: Path) -> None:
    for needed in ("material", "mkdocstrings", "mkdocs_jupyter"):
        pytest.importorskip(needed)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    pages = {path.parent.name for path in (tmp_path / "site").rglob("index.html")}
    assert {"cli", "api", "faq", *NOTEBOOKS} <= pages
    assert "https://fonts" not in (tmp_path / "site" / "index.html").read_text()
