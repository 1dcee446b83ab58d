"""A program in a process of its own: it answers, refuses, aborts, prints, hangs; the jobs after that still run."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import MachineError
from pipeline.runtimes.runtime import Job, Runtime, run, version_of

PROGRAM = r"""
import os, sys, time

def version():
    print("welcome")
    return "1.2"

def load(files):
    if "refused" in files:
        raise ValueError("no such layer\nand more")
    return files

def run(net, feeds, wanted):
    if "abort" in net:
        os.write(2, b"Check failed: it is so\n")
        os.abort()
    if "hang" in net:
        time.sleep(60)
    print("busy")
    return {name: array + 1 for name, array in feeds}
"""


@pytest.fixture
def runtime(tmp_path) -> Runtime:
    program = tmp_path / "odd.py"
    program.write_text(PROGRAM)
    return Runtime("Odd", "1.2", "caffe", sys.executable, program)


def job(*roles: str, wanted: str = "in/a ä") -> Job:
    return Job({role: Path(role) for role in roles}, {"in/a ä": np.arange(3.0), "b": np.zeros(())}, [wanted])


def test_it_gives_what_is_wanted_first_and_then_the_rest(runtime):
    (result,) = run(runtime, [job(wanted="b")])
    assert list(result.blobs) == ["b", "in/a ä"]
    np.testing.assert_array_equal(result.blobs["in/a ä"], [1, 2, 3])


def test_a_job_that_fails_or_ends_the_process_says_so_and_the_others_run(runtime):
    refused, lost, aborted, sound = run(runtime, [job("refused"), job(wanted="c"), job("abort"), job()])
    assert (refused.stage, refused.error) == ("load", "no such layer")
    assert (lost.stage, lost.error) == ("fetch", "there is no c")
    assert (aborted.stage, aborted.error) == ("crash", "signal 6: Check failed: it is so")
    assert sound.ok


def test_one_that_takes_too_long_is_ended(runtime):
    with pytest.raises(MachineError) as caught:
        run(runtime, [job("hang")], timeout=0.5)
    assert caught.value.why == "it took longer than 0.5 s"


def test_its_version_is_told_whatever_else_it_prints(runtime):
    assert version_of(runtime.interpreter, runtime.program) == "1.2"


@pytest.mark.parametrize(
    ("program", "interpreter", "why"),
    [
        ("def version():\n    raise ImportError('it needs libodd.so')", sys.executable, "it needs libodd.so"),
        ("def version():\n    raise SystemError('odd')", sys.executable, "SystemError: odd"),
        (PROGRAM, "/nowhere/python", "No such file"),
    ],
)
def test_one_that_cannot_be_started_says_why(tmp_path, program, interpreter, why):
    (tmp_path / "odd.py").write_text(program)
    with pytest.raises(MachineError, match="did not run odd") as caught:
        version_of(interpreter, tmp_path / "odd.py")
    assert why in caught.value.why
