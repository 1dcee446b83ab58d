from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import pipeline
from pipeline.store import collect
from pipeline.store.store import Store
from tests.cli.conftest import Program
from tests.engine.fakes import NAMES

DATA = Path(__file__).resolve().parent.parent / "data"


def test_help_is_given_for_every_command(program: Program) -> None:
    listed = program("--help").out
    looking = ("scan", "inspect", "diff", "export-layer", "verify", "lineage", "operators", "doctor", "runtimes")
    for command in ("convert", "resume", "plan", "status", *looking, "cache"):
        assert f"\n  {command} " in listed
        said = program(command, "--help")
        assert (said.code, said.err) == (0, "")


@pytest.mark.parametrize("group", [(), ("runtimes",), ("cache",)])
def test_no_description_of_a_command_is_cut_at_80_columns(
    program: Program, monkeypatch: pytest.MonkeyPatch, group: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, _, listed = program(*group, "--help").out.partition("\nCommands:\n")
    assert listed and "..." not in listed


def test_the_version_is_told(program: Program) -> None:
    assert program("--version").out == f"torch2caffe2 {pipeline.__version__}\n"


def test_where_no_command_is_named_those_there_are_are_shown(program: Program) -> None:
    said = program()
    assert (said.code, said.out, said.err.split()[0]) == (2, "", "Usage:")
    assert "  convert " in said.err
    said = program("cache")
    assert (said.code, said.err) == (2, "error: missing command\n  try: torch2caffe2 cache --help\n")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pipeline.cli.app import run; run(['--help']);"
        "heavy = ('torch', 'networkx', 'numpy', 'pydantic', 'rich', 'google', 'cv2');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_cached_run_imports_no_network_code(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from tests.engine.fakes import Bench
from pipeline.engine import planner
bench = Bench(Path({str(tmp_path)!r}))
bench.run()
bench.run()
assert bench.ran() == []
print([m for m in ('torch', 'numpy', 'pydantic', 'rich', 'google', 'cv2') if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_the_command_line_of_a_cached_run_imports_nothing_heavy(tmp_path: Path) -> None:
    words = ["convert", str(DATA / "demo" / "model.t7"), "--input", "2x1x32x32", "--no-verify"]
    words += ["--store", str(tmp_path / "store"), "--output", str(tmp_path / "out"), "--progress", "none"]
    code = (
        f"import sys; from pipeline.cli.app import run; assert run({words}) == 0;"
        "heavy = ('torch', 'networkx', 'numpy', 'pydantic', 'rich', 'google', 'cv2', 'pipeline.graph.builder');"
        "print([name for name in heavy if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    first, again = (
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout for _ in range(2)
    )
    assert "'numpy', 'google', 'pipeline.graph.builder'" in first
    assert again.splitlines()[-1] == "[]"


def test_plan_says_why_in_words_and_in_data(program: Program) -> None:
    program.convert("-q")
    said = program("plan", program.model, "--output", program.output, "--root", "a.b")
    lines = said.out.splitlines()
    assert lines[1].split(maxsplit=2) == ["import", "run", "option root changed from nothing to a.b"]
    assert lines[2].split()[:2] == ["emit", "follows"]
    said = program("plan", program.model, "--json")
    assert [stage["state"] for stage in said.model["stages"]] == ["hit"] * 4


def test_status_tells_states_and_edits(program: Program) -> None:
    program.convert("-q")
    model = program("status", program.output, "--json").model
    assert model["state"] == "done"
    (program.output / "deploy.prototxt").write_text("mine")
    said = program("status", program.output)
    facts = [f"key {stage['key'][:12]}  digest {stage['digest'][:12]}" for stage in model["stages"]]
    assert all(each in said.out for each in facts)
    assert "edited" in said.out
    assert [name for name in NAMES if name in said.out] == NAMES


def test_status_knows_a_killed_run(program: Program) -> None:
    program.convert("-q")
    record = json.loads((program.output / "run.json").read_text())
    (program.output / "run.json").write_text(json.dumps({**record, "state": "running"}))
    assert program("status", program.output, "--json").model["state"] == "killed"


def test_options_that_cannot_both_be_obeyed_are_refused(program: Program) -> None:
    said = program("plan", program.model, "--dag", "svg", "--json")
    assert (said.code, "--dag and --json exclude each other" in said.err) == (2, True)
    said = program.convert("--record", program.folder / "io.npz", "--no-verify")
    assert (said.code, "leave out --no-verify" in said.err) == (2, True)
    assert not (program.output / "run.json").exists()


def test_a_damaged_run_record_is_bad_input(program: Program) -> None:
    program.convert("-q")
    record = json.loads((program.output / "run.json").read_text())
    for text in ("{", json.dumps({**record, "format": 1})):
        (program.output / "run.json").write_text(text)
        assert program("status", program.output).code == 5


def test_edited_files_are_adopted_on_demand(program: Program) -> None:
    program.convert("-q")
    (program.output / "deploy.prototxt").write_text("mine")
    said = program("resume", program.output)
    assert said.code == 2
    assert "deploy.prototxt" in said.err
    assert "--adopt" in said.err
    assert program("resume", program.output, "--adopt").code == 0
    assert (program.output / "predict_net.pb").read_text() == "caffe2 mine"


def test_a_run_that_was_stopped_goes_on(program: Program) -> None:
    program.convert("-q", "--stop-after", "emit")
    said = program("resume", program.output, "--stop-after", "translate", "--json")
    assert [stage["name"] for stage in said.model["run"]["stages"]] == NAMES[:3]
    said = program("resume", program.output, "--json")
    assert [stage["state"] for stage in said.model["run"]["stages"]] == ["hit", "hit", "hit", "done"]


def test_the_cache_is_listed_checked_and_collected(program: Program) -> None:
    program.convert("-q")
    assert len(program("cache", "list", "--json").data) == 4
    assert "graph" in program("cache", "list").out
    assert program("cache", "check").code == 0
    assert len(program("cache", "collect", "--max-size", "0", "--dry-run", "--json").data) == 4
    said = program("cache", "collect", "--max-size", "0")
    assert said.err.endswith("were freed\n")
    assert program("cache", "list", "--json").data == []


def test_a_damaged_artifact_is_found_by_check(program: Program) -> None:
    said = program.convert("--json", "-q")
    key = said.model["run"]["stages"][0]["key"]
    (program.folder / "store/artifacts" / key[:2] / key / "graph.json").unlink()
    said = program("cache", "check", "--json")
    assert said.code == 6
    assert said.data == [{"name": key, "problem": "graph.json is missing"}]


# A process that sends signals to itself while it emits.
_SIGNALLED = """
import os, signal, sys
from dataclasses import replace
from pipeline.cli.app import run
from pipeline.engine import runner
from tests.engine.fakes import EMIT, IMPORT, TRANSLATE
SIGNALS, FOREVER = {signals}, {forever}
def signalled(task):
    for number in SIGNALS:
        os.kill(os.getpid(), number)
    while FOREVER: pass
    EMIT.run(task)
runner.discover = lambda: (IMPORT, replace(EMIT, run=signalled), TRANSLATE)
sys.exit(run(["convert", "model.t7", "--output", "out", "--store", "store"]))
"""


def _signalled(folder: Path, *signals: int, forever: bool) -> tuple[str, list[str]]:
    """Run a conversion whose `emit` is signalled; give what was said, and the states of its stages."""
    (folder / "model.t7").write_bytes(b"\x04\0\0\0")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    code = _SIGNALLED.format(signals=list(map(int, signals)), forever=forever)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("resume with: torch2caffe2 resume ")
    record = json.loads((folder / "out/run.json").read_text())
    assert record["state"] == "interrupted"
    return done.stderr, [stage["state"] for stage in record["stages"]]


def test_ctrl_c_once_finishes_the_stage_that_runs_and_saves_it(tmp_path: Path) -> None:
    said, states = _signalled(tmp_path, signal.SIGINT, forever=False)
    assert states == ["done", "done", "pending"]
    assert "stopping after this stage; Ctrl-C again stops at once" in said
    kinds = {entry.kind for entry in collect.entries(Store(tmp_path / "store"))}
    assert kinds == {"graph", "caffe"}


@pytest.mark.parametrize("signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)])
def test_ctrl_c_twice_and_sigterm_stop_at_once_and_lose_no_finished_stage(
    tmp_path: Path, signals: tuple[int, ...]
) -> None:
    _, states = _signalled(tmp_path, *signals, forever=True)
    assert states == ["done", "failed", "pending"]
    store = Store(tmp_path / "store")
    assert [entry.kind for entry in collect.entries(store)] == ["graph"]
    assert collect.check(store) == []
    assert list((store.root / "sessions").iterdir()) == []


@pytest.mark.parametrize("command", ["plan", "status", "inspect"])
def test_ctrl_c_before_or_without_a_run_is_told(
    program: Program, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:  # and not while pytest tells of a failure
        for name in ("exists", "is_file", "is_dir"):
            patch.setattr(Path, name, interrupted)
        patch.setattr(os.path, "isdir", interrupted)
        said = program(command, program.model)
    assert (said.code, said.err) == (130, "error: interrupted\n")


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "--version"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.startswith("torch2caffe2 ")


def test_a_reader_that_stops_early_is_no_error() -> None:
    command = f"{sys.executable} -m pipeline --help | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("Usage: torch2caffe2")
    assert done.stderr == ""
