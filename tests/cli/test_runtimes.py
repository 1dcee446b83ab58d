"""`runtimes list` and `runtimes install`, and a runtime that is asked for by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.runtimes import discovery, install
from tests.cli.conftest import Program


@pytest.fixture(autouse=True)
def none_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have neither a runtime beside this Python nor a Python that one could be installed for."""
    for module in (discovery, install):
        monkeypatch.setattr(module, "folders", lambda: iter((tmp_path / "runtimes",)))
    monkeypatch.setattr(install, "interpreter", lambda python, environment: None)
    monkeypatch.setattr(install, "fetched", lambda python, say: None)
    for name in ("CAFFE_PYTHON", "CAFFE2_PYTHON"):
        monkeypatch.delenv(name, raising=False)


def test_what_is_missing_is_listed_with_the_command_that_installs_it(program: Program) -> None:
    listed = {finding["what"]: finding for finding in program("runtimes", "list", "--json").data}
    assert listed["Caffe"]["advice"] == "torch2caffe2 runtimes install caffe"
    assert listed["Caffe2"]["advice"] == "torch2caffe2 runtimes install caffe2"
    assert "torch2caffe2 runtimes install caffe2" in program("doctor").out


def test_an_install_that_is_not_possible_says_why_for_each(program: Program) -> None:
    said = program("runtimes", "install")
    assert (said.code, said.out) == (6, "")
    assert "error: Caffe was not installed" in said.err
    assert "error: Caffe2 was not installed" in said.err
    said = program("runtimes", "install", "caffe", "--if-possible", "--json")
    assert (said.code, said.data) == (0, [])


def test_what_was_installed_is_told(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "install", lambda program, ways, say: Path("/kept", ways[0].version, "python"))
    said = program("runtimes", "install", "caffe2==1.10.2", "--json")
    assert said.data == [{"name": "Caffe2", "interpreter": "/kept/1.10.2/python"}]


def test_a_name_that_cannot_be_installed_is_a_usage_error(program: Program) -> None:
    said = program("runtimes", "install", "torch")
    assert said.code == 2
    assert "one of: all, caffe, caffe2" in said.err
