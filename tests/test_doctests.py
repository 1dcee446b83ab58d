"""The examples in docstrings are true, wherever in the program they stand."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [path.relative_to(ROOT) for path in ROOT.glob("pipeline/**/*.py") if ">>> " in path.read_text(encoding="utf-8")]
MODULES = sorted(".".join(path.with_suffix("").parts) for path in FILES)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_are_true(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
