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


def outputs(page: str, kind: str) -> int:
    """Count the outputs of one kind that a rendered notebook shows."""
    return len(re.findall(rf'<(?:div|img)[^>]*(?:data-mime-type="|src="data:){re.escape(kind)}', page))


def test_the_site_is_built_with_its_notebooks_run_and_no_link_broken(tmp_path: Path) -> None:
    for needed in ("material", "mkdocstrings", "mkdocs_jupyter", "matplotlib"):
        pytest.importorskip(needed, exc_type=ImportError)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    pages = {path.parent.name: path.read_text("utf-8") for path in (tmp_path / "site").rglob("index.html")}
    assert {"cli", "api", "faq", *NOTEBOOKS} <= set(pages)
    shown = {name: (outputs(pages[name], "image/png"), outputs(pages[name], "text/html")) for name in NOTEBOOKS}
    assert shown == NOTEBOOKS
    assert [name for name in NOTEBOOKS if outputs(pages[name], "application/vnd.jupyter.stderr")] == []
    assert [name for name, page in pages.items() if "https://fonts" in page] == []
