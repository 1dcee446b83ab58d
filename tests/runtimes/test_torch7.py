"""Torch7 is asked only by name, gets our inputs, and gives what the file computes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.engine.runner import resume
from pipeline.errors import UsageError
from pipeline.graph.input_spec import places
from pipeline.runtimes.discovery import executing, look_for, runtimes
from pipeline.runtimes.discovery import known as known_programs
from pipeline.runtimes.runtime import Job, Missing, Runtime, run
from tests.support import convert
from tests.torch7.fixtures import REFUSED, assert_close, io, structured

DATA = Path(__file__).parents[1] / "data" / "torch7"
TORCH7 = next(program for program in known_programs() if program.name == "Torch7")
# It takes the files and gives its first input back, as a network without a layer would.
IDENTITY = """
if [ "$1" = -e ]; then printf 'on Lua 5.1'; exit; fi
grep -q "require 'nn'" "$1" && test -f "$2" && cp "$3/in1" "$3/out1" || exit 1
head -1 "$3/inputs" | cut -d' ' -f2- > "$3/outputs"
"""


@pytest.fixture
def lua(tmp_path, monkeypatch):
    """Make what looks like an interpreter of Lua with Torch7, and have the environment name it."""

    def make(text: str) -> None:
        path = tmp_path / "th"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        monkeypatch.setenv("TORCH7_LUA", str(path))

    return make


def found() -> Runtime:
    (runtime,) = runtimes(os.environ, ["torch7"])
    return runtime


def job(*arrays: np.ndarray, wanted: tuple[str, ...] = ("y",)) -> Job:
    model = DATA / "Abs" / "model.t7"
    return Job({"t7": model}, {f"x{i}": array for i, array in enumerate(arrays)}, wanted)


def test_it_is_asked_only_where_it_is_named(lua):
    lua(IDENTITY)
    assert "Torch7" not in [runtime.name for runtime in runtimes(os.environ)]
    assert "Torch7" in [runtime.name for runtime in runtimes(os.environ, also=["torch7"])]
    assert (found().title, found().executes, found().guesses) == ("Torch7 on Lua 5.1", True, False)
    assert executing(["caffe", "TORCH7", "none"]) == ["TORCH7"]


def test_arrays_go_in_and_come_out_as_they_are(lua):
    lua(IDENTITY)
    x = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    (result,) = run(found(), [job(x, x[0])])
    np.testing.assert_array_equal(result.blobs["y"], x)


@pytest.mark.parametrize(
    ("text", "wanted", "error"),
    [
        (IDENTITY, ("y", "z"), "it gives 1 outputs, not 2"),
        (
            IDENTITY.replace("grep", "echo 'unknown Torch class <nn.Odd>' >&2; exit 1; grep"),
            ("y",),
            "unknown Torch class",
        ),
        (
            IDENTITY.replace(
                "grep", r"printf 'In 1 module:\nno output\nstack traceback:\n at 0x1\n' >&2; exit 1; grep"
            ),
            ("y",),
            "no output",
        ),
        (IDENTITY.replace("grep", "exit 1; grep"), ("y",), "it ended without a word"),
    ],
)
def test_what_it_refuses_is_told_in_its_words(lua, text, wanted, error):
    lua(text)
    (result,) = run(found(), [job(np.ones(3, np.float32), wanted=wanted)])
    assert (result.stage, error in result.error) == ("run", True)


@pytest.mark.parametrize(
    ("text", "why"), [("echo no nn here >&2; exit 1", "no nn here"), ("exit 1", "it cannot require nn")]
)
def test_one_without_nn_is_missing_and_the_advice_is_to_name_another(lua, text, why):
    lua(text)
    (missing,) = look_for(TORCH7, os.environ)
    assert isinstance(missing, Missing)
    assert why in missing.why and "TORCH7_LUA" in missing.advice
    with pytest.raises(UsageError, match="no runtime torch7 is installed"):
        found()


def test_inputs_in_nested_tables_are_told_by_their_places(lua, tmp_path):
    lua(f"{IDENTITY}\ncp $3/inputs {tmp_path}/told")
    inputs = ("3x4", "[3x4,[3x4]]", "3x4")
    asked = {"inputs": inputs, "to": ("caffe2", "onnx"), "runtimes": ("torch7",)}
    outcome = convert(DATA / "FlattenTable" / "model.t7", tmp_path / "out", **asked)
    assert outcome.exit_code == 0  # it could not judge: this one gives a single output
    places = [line.split()[0] for line in (tmp_path / "told").read_text().splitlines()]
    assert places == ["1", "2.1", "2.2.1", "3"]


IDENTITY_MODEL = DATA / "Identity" / "model.t7"
ASKED = {"inputs": ("2x3",), "runtimes": ("torch7",)}


def test_a_conversion_that_asks_for_it_says_so_and_records_what_it_computed(lua, tmp_path):
    lua(IDENTITY)
    recorded = tmp_path / "new" / "io.npz"
    assert convert(IDENTITY_MODEL, tmp_path / "out", **ASKED, record=recorded).exit_code == 0
    said = json.loads((tmp_path / "out" / "verification.json").read_text())
    assert said["evidence"][0]["by"][0]["by"] == "Torch7 on Lua 5.1"
    with np.load(recorded) as kept:
        np.testing.assert_array_equal(kept["in0"], kept["out0"])
    asked = {"inputs": ("2x3",), "runtimes": ("none",), "reference": recorded}
    assert convert(IDENTITY_MODEL, tmp_path / "again", **asked).exit_code == 0
    assert convert(IDENTITY_MODEL, tmp_path / "cached", **ASKED, record=recorded).exit_code == 0


def test_a_record_is_written_over_nothing(lua, tmp_path):
    lua(IDENTITY)
    mine = tmp_path / "io.npz"
    np.savez(mine, in0=np.ones(3))  # which may be what is to be kept until it is computed
    outcome, before = convert(IDENTITY_MODEL, tmp_path / "out", **ASKED, record=mine), mine.read_bytes()
    assert (outcome.exit_code, mine.read_bytes()) == (2, before)
    mine.write_bytes(b"mine")
    with pytest.raises(UsageError, match="would be overwritten"):
        convert(IDENTITY_MODEL, tmp_path / "out", **ASKED, record=mine)
    mine.unlink()
    mine.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="would be overwritten"):
        convert(IDENTITY_MODEL, tmp_path / "out", **ASKED, record=mine)


def test_a_record_of_what_nobody_computes_is_refused(lua, tmp_path):
    lua(IDENTITY.replace("grep", "exit 1; grep"))
    with pytest.raises(UsageError, match="none was asked for"):
        convert(IDENTITY_MODEL, tmp_path / "out", inputs=("2x3",), record=tmp_path / "io.npz")
    assert convert(IDENTITY_MODEL, tmp_path / "out", **ASKED, record=tmp_path / "io.npz").exit_code == 3


def test_a_folder_s_own_record_has_nothing_recorded(lua, tmp_path):
    lua(IDENTITY)
    convert(IDENTITY_MODEL, tmp_path / "out", **ASKED, record=tmp_path / "io.npz")
    (tmp_path / "io.npz").unlink()
    assert resume(tmp_path / "out", lambda event: None, changes={"runtimes": ("torch7",)}).exit_code == 0
    assert not (tmp_path / "io.npz").exists()


# ---- With a real one ----

REAL = [found for found in look_for(TORCH7, os.environ) if isinstance(found, Runtime)]


OTHERWISE = {*REFUSED, "Index"}  # at random, or of inputs that are no float32


@pytest.mark.skipif(not REAL, reason="no Torch7 was found; set TORCH7_LUA")
def test_a_real_torch7_computes_what_it_did_when_the_fixtures_were_made():
    jobs, wanted = {}, {}
    for name in sorted({path.parent.name for path in DATA.glob("*/io.npz")} - OTHERWISE):
        inputs, wanted[name] = io(DATA / name)
        nesting = json.loads((DATA / name / "meta.json").read_text())["input"]
        specs = [structured(part, inputs) for part in ([nesting] if isinstance(nesting, str) else nesting)]
        feeds = dict(zip(places(specs), inputs, strict=True))
        jobs[name] = Job({"t7": DATA / name / "model.t7"}, feeds, [str(i) for i in range(len(wanted[name]))])
    results = dict(zip(jobs, run(REAL[0], list(jobs.values())), strict=True))
    wrong = {name: r.error for name, r in results.items() if not r.ok and "unknown Torch class" not in r.error}
    assert wrong == {}
    judged = [name for name, result in results.items() if result.ok]  # the others are of packages that are not here
    for name in judged:
        for got, array in zip(results[name].blobs.values(), wanted[name], strict=True):
            assert_close(got, array)
    assert len(judged) > 200
