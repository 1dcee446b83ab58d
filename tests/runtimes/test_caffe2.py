"""Finding Caffe2 in interpreters of their own, and running nets there."""

from __future__ import annotations

import os

import numpy as np
import pytest

from pipeline.caffe2.files import Caffe2Net, write_pair
from pipeline.caffe2.schema import NetDef, OperatorDef
from pipeline.caffe2.write.builder import argument
from pipeline.runtimes import caffe2
from pipeline.runtimes.runtime import Job, Missing, run, version_of
from tests.support import CAFFE2S


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
        interpreter.write_text("#!/bin/sh\nexit 1\n")
        interpreter.chmod(0o755)
        return interpreter

    return make


@pytest.fixture(autouse=True)
def no_folders(monkeypatch):
    monkeypatch.setattr(caffe2, "folders", lambda: iter(()))


def test_the_interpreters_that_the_environment_names_come_first_and_in_order(environment_of, monkeypatch, tmp_path):
    one, other = environment_of("b", "1.10.2+cpu"), environment_of("a", "1.0.1")
    made = environment_of("made/caffe2-1.4.0", "1.4.0")
    monkeypatch.setattr(caffe2, "folders", lambda: iter((tmp_path / "made",)))
    found = caffe2.find({"CAFFE2_PYTHON": f"{one}{os.pathsep}{other}"})
    assert [(e.version, e.interpreter) for e in found] == [
        ("1.10.2", str(one)),
        ("1.0.1", str(other)),
        ("1.4.0", str(made)),
    ]
    assert found[0].found_by == "CAFFE2_PYTHON" and found[2].found_by == str(tmp_path / "made")


def test_an_interpreter_without_caffe2_is_missing_and_says_so(environment_of, tmp_path):
    empty = environment_of("new", "1.13.1", state=False)
    found = caffe2.find({"CAFFE2_PYTHON": f"{empty}{os.pathsep}{tmp_path / 'nowhere'}"})
    assert [type(entry) for entry in found] == [Missing, Missing]
    assert "has no Caffe2" in found[0].why and "is no file" in found[1].why


def test_where_there_is_none_it_says_how_to_get_one():
    (missing,) = caffe2.find({})
    assert isinstance(missing, Missing) and "make runtimes" in missing.advice


# ---- With a real one ----


@pytest.fixture(params=CAFFE2S)
def runtime(request):
    return request.param


def job(tmp_path, name: str, made: OperatorDef, wanted: str = "y", x: str = "x") -> Job:
    folder = tmp_path / name
    folder.mkdir()
    files = {"predict_net": folder / "predict_net.pb", "init_net": folder / "init_net.pb"}
    predict = NetDef(op=[made], external_input=[x], external_output=list(made.output))
    write_pair(Caffe2Net(predict), files["predict_net"], folder / "predict_net.pbtxt", files["init_net"])
    return Job(files, {x: np.array([[-1, 2, 3, 4]], np.float32)}, [wanted])


def test_the_version_told_by_the_files_is_that_of_the_runtime(runtime):
    assert version_of(runtime.interpreter, runtime.worker) == runtime.version


def test_a_net_that_fails_or_aborts_says_so_and_the_others_run(runtime, tmp_path):
    abort = OperatorDef(type="GivenTensorFill", output=["y"])  # too few numbers end the process in 1.0.1
    abort.arg.extend([argument("shape", [3]), argument("values", [1.0])])
    jobs = [
        job(tmp_path, "unknown", OperatorDef(type="Foo", input=["x"], output=["y"])),
        job(tmp_path, "abort", abort),
        job(tmp_path, "sound", OperatorDef(type="Relu", input=["in/a b"], output=["out/ä"]), "out/ä", "in/a b"),
        job(tmp_path, "nothing", OperatorDef(type="Relu", input=["x"], output=["y"]), "z"),
    ]
    unknown, aborted, sound, nothing = run(runtime, jobs)
    assert (unknown.ok, aborted.ok, sound.ok, nothing.ok) == (False, False, True, False)
    assert unknown.stage == "run" and "Foo" in unknown.error
    assert aborted.stage in ("run", "crash") and aborted.error
    assert nothing.stage == "fetch" and "z" in nothing.error
    np.testing.assert_array_equal(sound.blobs["out/ä"], [[0, 2, 3, 4]])
    assert list(sound.blobs) == ["out/ä", "in/a b"]
