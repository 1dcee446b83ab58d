from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest

import torch2caffe2
from pipeline.config import OPTIONS
from pipeline.engine import events
from tests.support import edit
from torch2caffe2 import settings
from torch2caffe2.settings import Settings

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "tests" / "data" / "demo"
ASKED = {"inputs": (2, 1, 32, 32), "runtimes": "none"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH2CAFFE2_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def converted(place: Path, **asked: object) -> torch2caffe2.Conversion:
    return torch2caffe2.convert(DEMO / "model.t7", output=place / "out", **ASKED, **asked)


def test_a_conversion_tells_its_files_its_record_and_who_bears_it_out(place: Path) -> None:
    seen: list[events.Event] = []
    made = converted(place, to="caffe", reference=DEMO / "io.npz", progress=seen.append)
    assert made.record.state == "done"
    assert [stage.name for stage in made.record.stages] == ["import", "emit", "verify"]
    assert made.files["deploy.prototxt"].read_text().startswith('name: "model"')
    assert [(step["step"], step["state"]) for step in made.evidence] == [("import", "judged"), ("emission", "itself")]
    assert [type(event) for event in (seen[0], seen[-1])] == [events.RunStarted, events.RunFinished]
    assert "judged by" in made._repr_html_()
    assert made.open("caffe").format == "caffe"


def test_an_opened_model_is_converted_as_it_was_opened(place: Path) -> None:
    model = torch2caffe2.open(DEMO / "model.t7", inputs=(3, 1, 32, 32))
    made = torch2caffe2.convert(model, to="caffe", output="out", verify=False)
    assert made.output == place / "out"
    again = torch2caffe2.convert(made.open("caffe"), to="caffe2", output="further", verify=False)
    assert again.open("caffe2").graph.inputs[0].shape == (3, 1, 32, 32)
    assert "<td>deploy.prototxt</td>" in made._repr_html_()


def test_a_second_call_finds_what_the_first_has_made(place: Path) -> None:
    assert [stage.state for stage in torch2caffe2.plan(DEMO / "model.t7", **ASKED)] == ["run"] * 4
    converted(place)
    assert [stage.state for stage in torch2caffe2.plan(DEMO / "model.t7", **ASKED)] == ["hit"] * 4
    assert [stage.state for stage in converted(place).record.stages] == ["hit"] * 4


def test_numbers_that_differ_are_an_exception_and_the_files_are_there(place: Path) -> None:
    with np.load(DEMO / "io.npz") as io:
        np.savez(place / "wrong.npz", in0=io["in0"], out0=io["out0"] + 1)
    with pytest.raises(torch2caffe2.VerificationError) as told:
        converted(place, reference="wrong.npz")
    assert told.value.exit_code == 3
    made = torch2caffe2.Conversion.at(place / "out")
    assert (made.record.state, made.evidence[0]["state"]) == ("unverified", "differs")
    assert torch2caffe2.verify(made, reference=DEMO / "io.npz").record.state == "done"


def test_what_has_no_exact_counterpart_is_listed_by_scan_and_by_the_exception(place: Path) -> None:
    net = place / "net.prototxt"
    net.write_text('input: "x" input_shape { dim: 1 dim: 3 } layer { name: "a" type: "Mystery" bottom: "x" top: "y" }')
    (place / "net.caffemodel").write_bytes(b"\n\x01x")
    asked = {"weights": "net.caffemodel"}
    (problem,) = torch2caffe2.scan(net, **asked).problems
    with pytest.raises(torch2caffe2.UnsupportedError) as told:
        torch2caffe2.convert(net, output="out", **asked)
    assert "Mystery" in problem.origin + problem.reason
    assert told.value.problems == (problem,)


def test_edited_files_are_gone_on_from(place: Path) -> None:
    made = converted(place, stop_after="emit")
    text = made.files["deploy.prototxt"].read_bytes()
    edit(made.files["deploy.prototxt"], text.replace(b"9_Tanh", b"tanh"))
    with pytest.raises(torch2caffe2.UsageError, match=r"deploy\.prototxt"):
        torch2caffe2.resume(made)
    assert "tanh" in torch2caffe2.resume(made, adopt=True, verify=False).open("caffe2").shapes


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        ({"tolerence": 1}, "unknown option tolerence"),
        ({"tolerance": "much"}, 'tolerance cannot be "much"'),
        ({"seed": -1}, "seed cannot be -1"),
        ({"inputs": "2x"}, "2x"),
        ({"jobs": 2}, "jobs is for several models"),
    ],
)
def test_what_cannot_be_obeyed_is_refused_before_anything_is_made(place: Path, asked: dict, what: str) -> None:
    with pytest.raises(torch2caffe2.UsageError, match=what):
        torch2caffe2.convert(DEMO / "model.t7", output="out", **asked)
    assert not (place / "out").exists()


def test_a_folder_of_several_networks_is_not_one(place: Path) -> None:
    for name in ("a.t7", "b.t7"):
        (place / name).write_bytes((DEMO / "model.t7").read_bytes())
    with pytest.raises(torch2caffe2.UsageError, match="holds 2 networks"):
        torch2caffe2.convert(place)


def test_a_page_is_written_where_it_is_asked_for(place: Path) -> None:
    converted(place, to="caffe", verify=False, report="page.html")
    assert "torch2caffe2 convert" in (place / "page.html").read_text()


def test_a_call_takes_every_option_of_the_command_line() -> None:
    own = {"model", "to", "inputs", "output"}  # of the call itself
    assert set(get_type_hints(Settings)) == set(OPTIONS) - own - settings.OF_SEVERAL


def test_threads_convert_side_by_side(place: Path) -> None:
    seen: dict[int, list[str]] = {n: [] for n in range(1, 5)}

    def go(n: int) -> None:
        note = lambda event: seen[n].append(event.model)  # noqa: E731
        asked = {"to": "caffe", "runtimes": "none", "progress": note}
        torch2caffe2.convert(DEMO / "model.t7", inputs=(n, 1, 32, 32), output=place / f"out-{n}", **asked)

    threads = [threading.Thread(target=go, args=(n,)) for n in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n, told in seen.items():
        made = torch2caffe2.Conversion.at(place / f"out-{n}")
        assert made.record.state == "done"
        assert made.open("caffe").graph.inputs[0].shape == (n, 1, 32, 32)
        assert told.count("model") == len(told) > 0


# Threads of a program that has imported nothing yet, as a server has them; all bring the same plugin.
FRESH = """
import sys, threading, torch2caffe2
failed = []
def go(n):
    asked = {{"to": "caffe2", "runtimes": "none", "plugins": "slow.py"}}
    try:
        torch2caffe2.convert({model!r}, inputs=(n, 1, 32, 32), output=f"out-{{n}}", **asked)
    except BaseException as error:
        failed.append(error)
threads = [threading.Thread(target=go, args=(n,)) for n in (1, 2, 3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
sys.exit(repr(failed) if failed else 0)
"""


def test_a_program_hears_nothing_on_its_streams(place: Path) -> None:
    slow = "import time; from pipeline.torch7 import module; time.sleep(0.5)"
    (place / "slow.py").write_text(f"{slow}\n@module('mylab.Mine')\ndef mine(m, x, net):\n    return x\n")
    code = FRESH.format(model=str(DEMO / "model.t7"))
    command = [sys.executable, "-W", "error", "-c", code]
    environment = {"PYTHONPATH": str(ROOT), "TORCH2CAFFE2_STORE": "store"}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(path.name for path in place.glob("out-*/predict_net.pb")) == ["predict_net.pb"] * 3


def test_a_shape_may_be_a_numpy_array(place: Path) -> None:
    asked = {**ASKED, "inputs": np.array([2, 1, 32, 32])}
    assert [stage.state for stage in torch2caffe2.plan(DEMO / "model.t7", **asked)] == ["run"] * 4


def test_a_damaged_verification_is_told(place: Path) -> None:
    made = converted(place, to="caffe", verify=False)
    for damaged in ("[1", "{}", f'{{"checks": [], "inputs": "", "tolerance": 1{"0" * 400}}}'):
        (made.output / "verification.json").write_text(damaged)
        with pytest.raises(torch2caffe2.InvalidInputError, match=r"verification\.json is damaged"):
            torch2caffe2.Conversion.at(made.output)
