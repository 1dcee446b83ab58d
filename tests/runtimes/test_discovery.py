"""Where runtimes are looked for, what is said of those that are missing, and which are meant by a name."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.formats import FORMATS
from pipeline.runtimes import discovery, serve
from pipeline.runtimes.discovery import Program, known, look_for, runtimes, search
from pipeline.runtimes.runtime import Missing, Runtime
from tests.support import unprivileged

CAFFE2 = next(program for program in known() if program.name == "Caffe2")


@pytest.fixture
def environment_of(tmp_path):
    """Make what looks like an interpreter with a release of torch beside it."""

    def make(name: str, version: str, state: bool = True):
        site = tmp_path / name / "lib" / "python3.7" / "site-packages"
        (site / f"torch-{version}.dist-info").mkdir(parents=True)
        (site / "caffe2" / "python").mkdir(parents=True)
        if state:
            (site / "caffe2" / "python" / "caffe2_pybind11_state.cpython-37m.so").touch()
        interpreter = tmp_path / name / "bin" / "python"
        interpreter.parent.mkdir()
        interpreter.write_text("#!/bin/sh\necho no module >&2\nexit 1\n")
        interpreter.chmod(0o755)
        (tmp_path / name / "complete").touch()
        return interpreter

    return make


@pytest.fixture(autouse=True)
def no_folders(monkeypatch):
    monkeypatch.setattr(discovery, "folders", lambda: iter(()))


def test_every_program_says_what_it_has_to():
    assert {program.name for program in known()} >= {"Caffe", "Caffe2", "OpenCV", "Torch7"}
    for program in known():
        assert set(program.reads) <= {each.name for each in FORMATS}
        assert program.variable and (program.recipes or program.advice)
        assert {"version", "load", "run"} <= serve.runpy.run_path(str(program.file)).keys()


def test_the_interpreters_that_the_environment_names_come_first_and_in_order(environment_of, monkeypatch, tmp_path):
    one, other = environment_of("b", "1.10.2+cpu"), environment_of("a", "1.0.1")
    made = environment_of("made/caffe2-1.4.0", "1.4.0")
    monkeypatch.setattr(discovery, "folders", lambda: iter((tmp_path / "made",)))
    found = look_for(CAFFE2, {"CAFFE2_PYTHON": f"{one}{os.pathsep}{other}"})
    assert [(e.version, e.interpreter) for e in found] == [
        ("1.10.2", str(one)),
        ("1.0.1", str(other)),
        ("1.4.0", str(made)),
    ]
    assert [each.build for each in found] == [str(one), str(other), "torch2caffe2 runtimes install"]


def test_what_was_not_installed_to_its_end_is_not_found(environment_of, monkeypatch, tmp_path):
    environment_of("made/caffe2-1.0.1", "1.0.1")
    (tmp_path / "made" / "caffe2-1.0.1" / "complete").unlink()
    monkeypatch.setattr(discovery, "folders", lambda: iter((tmp_path / "made",)))
    assert [type(found) for found in look_for(CAFFE2, {})] == [Missing]


def test_folders_that_belong_to_somebody_else_hold_no_program(monkeypatch, tmp_path):
    (tmp_path / "theirs").mkdir(mode=0)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "theirs" / "site-packages")])
    monkeypatch.setattr(discovery, "folders", lambda: [tmp_path / "theirs" / "runtimes"])
    with unprivileged():
        assert search({})
    (tmp_path / "theirs").chmod(0o700)


def test_a_version_is_taken_once(environment_of, monkeypatch, tmp_path):
    named = environment_of("a", "1.0.1")
    environment_of("made/caffe2-1.0.1", "1.0.1")
    monkeypatch.setattr(discovery, "folders", lambda: iter((tmp_path / "made",)))
    assert [found.interpreter for found in look_for(CAFFE2, {"CAFFE2_PYTHON": str(named)})] == [str(named)]


def test_an_interpreter_without_it_is_missing_and_says_so(environment_of, tmp_path):
    empty = environment_of("new", "1.13.1", state=False)
    found = look_for(CAFFE2, {"CAFFE2_PYTHON": f"{empty}{os.pathsep}{tmp_path / 'nowhere'}"})
    assert [type(entry) for entry in found] == [Missing, Missing]
    assert "no module" in found[0].why and str(tmp_path / "nowhere") in found[1].why
    assert {entry.advice for entry in found} == {"mend or unset CAFFE2_PYTHON"}


def test_a_python_that_lacks_the_module_is_missing_in_its_own_words():
    found = next(each for each in search({"CAFFE_PYTHON": sys.executable}) if each.name == "Caffe")
    assert isinstance(found, Missing)
    assert "No module named 'caffe'" in found.why


def test_where_there_is_none_it_says_what_to_type():
    (missing,) = look_for(CAFFE2, {})
    assert isinstance(missing, Missing) and missing.advice == "torch2caffe2 runtimes install caffe2"


def program(installed, **more) -> Program:
    return Program(Path("odd.py"), "Odd", ("caffe", "t7"), "ODD_PYTHON", installed, **more)


def test_what_this_python_can_import_is_found_for_every_format_that_it_reads():
    found = look_for(program(lambda site: "2.0"), {})
    assert [(each.title, each.reads, each.interpreter) for each in found] == [
        ("Odd 2.0", "caffe", sys.executable),
        ("Odd 2.0", "t7", sys.executable),
    ]


def test_a_version_that_is_of_no_use_is_missing_with_the_reason():
    def installed(site: Path) -> str:
        raise ImportError("version 5 dropped the readers")

    found = look_for(program(installed, advice="pip install odd"), {})
    assert {(each.why, each.advice) for each in found} == {("version 5 dropped the readers", "pip install odd")}


def test_the_example_of_the_documentation_is_a_program(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "runtimes.md").read_text()
    file = tmp_path / "simulator.py"
    file.write_text(text.partition("```python\n")[2].partition("```")[0])
    example = discovery.declared(serve.runpy.run_path(str(file)), file)
    (tmp_path / "simulator-1.5.dist-info").mkdir()
    assert (example.name, example.reads, example.installed(tmp_path)) == ("Simulator", ("caffe",), "1.5")
    (missing,) = look_for(example, {"SIMULATOR_PYTHON": sys.executable})
    assert "No module named 'simulator'" in missing.why


@pytest.fixture
def two(monkeypatch):
    found = [Runtime("Caffe2", version, "caffe2", "python", CAFFE2.file) for version in ("1.0.1", "1.10.2")]
    monkeypatch.setattr(discovery, "search", lambda environment, wanted: [*found, Missing("Caffe", "caffe", "", "")])
    return found


@pytest.mark.parametrize(
    ("names", "versions"),
    [
        ((), ["1.0.1", "1.10.2"]),
        (("CAFFE2",), ["1.0.1", "1.10.2"]),
        (("caffe2==1.10.2",), ["1.10.2"]),
        (("none",), []),
    ],
)
def test_a_name_means_every_version_or_the_one_it_says(two, names, versions):
    assert [each.version for each in runtimes({}, names)] == versions


@pytest.mark.parametrize(
    ("reads", "why"),
    [
        ("caffe", "no Caffe or OpenCV is installed (torch2caffe2 runtimes install caffe)"),
        ("caffe2", "no Caffe2 was asked (--runtime)"),
        ("graph", "no program that runs graph files is known"),
    ],
)
def test_why_nothing_ran_a_kind_of_network_names_what_is_missing(two, reads, why):
    assert discovery.absence({}, reads) == why


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("caffe", ("no runtime caffe is installed", "torch2caffe2 runtimes install caffe")),
        ("caffe2==1.4.0", ("no runtime caffe2==1.4.0 is installed", "torch2caffe2 runtimes install caffe2==1.4.0")),
        ("caffe2==9", ("no runtime caffe2==9 is installed", "torch2caffe2 runtimes install caffe2")),
        ("cafe", ("there is no runtime called cafe", "torch2caffe2 runtimes list")),
    ],
)
def test_a_name_that_nothing_here_has_is_refused_with_the_list(two, name, words):
    with pytest.raises(UsageError) as caught:
        runtimes({}, ("caffe2", name))
    assert (caught.value.what, caught.value.advice) == words
    assert "Caffe2 1.0.1, Caffe2 1.10.2" in caught.value.why
