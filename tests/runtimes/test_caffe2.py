"""Running nets in a real Caffe2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.caffe2.files import Caffe2Net, write_pair
from pipeline.caffe2.schema import NetDef, OperatorDef
from pipeline.caffe2.write.builder import argument
from pipeline.runtimes.programs.caffe2 import installed
from pipeline.runtimes.runtime import Job, run, version_of
from tests.support import CAFFE2S


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
    (site,) = Path(runtime.interpreter).parents[1].glob("lib/python3*/site-packages")
    assert version_of(runtime.interpreter, runtime.program) == installed(site) == runtime.version


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
