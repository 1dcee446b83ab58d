from __future__ import annotations

import json
import os
import platform
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config import Options
from pipeline.engine import batch, runner, scan, status
from pipeline.errors import MachineError, Problem
from pipeline.stages.stage import Task
from tests.cli.conftest import Program, states, zoo
from tests.engine.fakes import EMIT, IMPORT, NAMES, STAGES, TORCH, TRANSLATE, VERIFY
from tests.support import unprivileged


def test_several_models_go_to_a_folder_each(program: Program) -> None:
    folder = zoo(program, "a.t7", "b.t7")
    said = program("convert", folder / "a.t7", folder / "b.t7", "--output", program.output, "-q")
    assert said.code == 0
    assert sorted(path.name for path in program.output.iterdir()) == ["a", "b"]
    assert "cause" not in said.out


def test_one_of_several_may_be_called_like_a_record(program: Program) -> None:
    folder = zoo(program, "run.json.t7", "b.t7")
    assert program("convert", folder, "--output", program.output, "-q").code == 0
    assert states(program, program.output) == {"run.json": "done", "b": "done"}


def test_a_missing_model_is_a_row_with_its_cause(program: Program) -> None:
    folder = zoo(program, "a.t7", "b.t7")
    gone = folder / "gone.t7"
    said = program("convert", folder / "a.t7", gone, folder / "b.t7", "--output", program.output, "-q")
    assert said.code == 2
    rows = {line.split()[0]: line for line in said.out.splitlines()}
    assert rows["gone"].endswith(f"there is no file {gone} at command line")
    assert [rows[name].split()[1] for name in ("a", "gone", "b")] == ["done", "failed", "done"]
    assert said.err.startswith(f"gone: error: there is no file {gone}\n")


def test_a_resume_of_the_folder_does_what_is_left(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = zoo(program, "a.t7", "b.t7", "c.t7")

    def interrupted(task: Task) -> None:
        if b"b.t7" in task.inputs["t7"].read_bytes():
            raise KeyboardInterrupt
        IMPORT.run(task)

    monkeypatch.setattr(runner, "discover", lambda: (replace(IMPORT, run=interrupted), EMIT, TRANSLATE, VERIFY))
    stopped = program("convert", folder, "--output", program.output, "-q")
    assert stopped.code == 130
    assert stopped.err.splitlines()[-1] == f"resume with: torch2caffe2 resume {program.output}"
    assert states(program, program.output) == {"a": "done", "b": "interrupted", "c": "waiting"}
    monkeypatch.setattr(runner, "discover", lambda: STAGES)
    said = program("resume", program.output, "--progress", "plain")
    assert said.code == 0
    assert [line.split()[1] for line in said.err.splitlines() if line.startswith("a:") and "cached" in line] == NAMES
    assert states(program, program.output) == {"a": "done", "b": "done", "c": "done"}
    assert program("verify", program.output, "-q").code == 0


def test_a_stop_between_two_models_is_an_interruption_too(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, convert_all = zoo(program, "a.t7", "b.t7"), batch.convert_all
    monkeypatch.setattr(batch, "convert_all", lambda runs, *how: convert_all(runs[:1], *how))  # no other was begun
    stopped = program("convert", folder, "--output", program.output, "-q")
    assert stopped.code == 130
    assert stopped.err.splitlines() == [
        "error: interrupted",
        f"resume with: torch2caffe2 resume {program.output}",
    ]


def test_a_model_that_could_not_begin_is_begun_by_a_resume_once_it_is_there(program: Program) -> None:
    folder = zoo(program, "a.t7")
    program("convert", folder / "a.t7", folder / "late.t7", "--output", program.output, "-q")
    assert states(program, program.output) == {"a": "done", "late": "failed"}
    zoo(program, "late.t7")
    assert program("resume", program.output, "-q").code == 0
    assert states(program, program.output) == {"a": "done", "late": "done"}


def test_status_of_a_folder_has_a_line_for_each(program: Program) -> None:
    folder = zoo(program, "a.t7")
    program("convert", folder / "a.t7", folder / "gone.t7", "--output", program.output, "-q")
    header, *rows, last = program("status", program.output).out.splitlines()
    assert header.split() == ["model", "state", "time", "worker", "output", "cause"]
    assert [row.split()[:2] for row in rows] == [["a", "done"], ["gone", "failed"]]
    assert last == "2 models: 1 done, 1 failed"


def test_status_tells_of_a_zoo_while_it_runs(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, config = zoo(program, "a.t7", "b.t7", "c.t7"), program.folder / "zoo.toml"
    config.write_text('output = "out"\n[[model]]\nmodel = "zoo/*.t7"\n[[model]]\nmodel = "later.t7"\n')
    me = f"{platform.node()}:{os.getpid()}"
    said = []

    def looked_at(task: Task) -> None:
        if b"b.t7" in task.inputs["t7"].read_bytes():
            said.append(program("status", "--config", config).out.splitlines())
            said.append(program("status", program.output, "--json").data)
        IMPORT.run(task)

    monkeypatch.setattr(runner, "discover", lambda: (replace(IMPORT, run=looked_at), EMIT, TRANSLATE, VERIFY))
    program("convert", folder, "--output", program.output, "--progress", "none")
    (_, a, b, c, later, last), data = said
    assert (a.split()[1], a.split()[-2:]) == ("done", [me, str(program.output / "a")])
    assert b.split()[:4] + b.split()[-2:] == ["b", "running", "import,", "for", me, str(program.output / "b")]
    assert [row.split()[:2] for row in (c, later)] == [["c", "waiting"], ["later", "waiting"]]
    assert last == "4 models: 2 waiting, 1 done, 1 running"
    assert data["totals"] == {"done": 1, "running": 1, "waiting": 1}
    assert [model["worker"] for model in data["models"]] == [me, me, ""]
    assert data["models"][1]["stages"][0]["started"] > data["models"][1]["started"]


def test_a_run_that_ends_while_status_looks_was_not_killed(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    program.convert("-q")
    done = (program.output / "run.json").read_text()
    (program.output / "run.json").write_text(
        done.replace('"state": "done",\n  "version"', '"state": "running",\n  "version"')
    )
    assert program("status", program.output, "--json").model["state"] == "killed"

    def ended(folder: Path) -> bool:
        (folder / "run.json").write_text(done)
        return False

    monkeypatch.setattr(status, "_alive", ended)
    assert program("status", program.output, "--json").model["state"] == "done"


def test_status_asks_of_what(program: Program) -> None:
    assert program("status").code == 2


def test_a_page_leads_to_the_reports_of_all(program: Program) -> None:
    folder = zoo(program, "a.t7", "b.t7")
    program("convert", folder, folder / "gone.t7", "--output", program.output, "-q")
    said = program("report", program.output)
    page = Path(said.out.strip())
    assert page == program.output / "report.html"
    for name in ("a", "b", "gone"):
        assert f'href="{name}/report.html"' in page.read_text()
        assert (program.output / name / "report.html").is_file()
    assert f"there is no file {folder / 'gone.t7'}" in page.read_text()


@pytest.mark.parametrize("command", ["plan", "scan"])
def test_a_look_at_several_goes_past_those_that_fail(
    program: Program, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(scan, "discover", lambda: STAGES)
    folder = zoo(program, "a.t7", "b.t7")
    gone, half = folder / "gone.t7", folder / "half.prototxt"
    half.write_text('name: "n"\n')
    models = (folder / "a.t7", gone, half, folder / "b.t7")
    converted = program("convert", *models, "--output", program.output, "-q", "--json").data
    data = program(command, *models, "--json").data
    assert data["exit_code"] == converted["exit_code"] == 5
    for key in ("model", "errors"):
        assert [each[key] for each in data["models"]] == [each[key] for each in converted["models"]]
    said = program(command, *models)
    assert said.code == 5
    headings = [line.split(": ")[0].rstrip(":") for line in said.out.splitlines() if ":" in line.split()[0]]
    assert headings == ["a", "gone", "half", "b"]
    assert f"gone: there is no file {gone}\n" in said.out
    assert f"gone: error: there is no file {gone}\n  where: command line\n" in said.err


def test_a_bug_in_the_look_at_one_leaves_the_others_be(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(options: Options) -> scan.Scan:
        if options.name == "b":
            return scan.Scan("import", (Problem("1 (nn.Odd)", "it is odd"),))
        raise {"a": ZeroDivisionError("oops"), "c": PermissionError(13, "Permission denied", "c.t7")}[options.name]

    monkeypatch.setattr(scan, "scan", look)
    said = program("scan", zoo(program, "a.t7", "b.t7", "c.t7"), "--json")
    a, b, c = said.data["models"]
    assert (said.code, a["errors"][0]["kind"], len(b["problems"]), c["errors"][0]["kind"]) == (1, "bug", 1, "machine")


@pytest.mark.parametrize("record", ["", '{"format": 0}', "[" * 100_000])
def test_a_record_that_is_damaged_hides_none_of_the_others(program: Program, record: str) -> None:
    folder = zoo(program, "a.t7", "b.t7", "c.t7")
    program("convert", folder, "--output", program.output, "-q")
    (program.output / "a" / "run.json").write_text(record)
    assert states(program, program.output) == {"b": "done", "c": "done"}
    for command in ("status", "report", "resume", "verify"):
        said = program(command, program.output)
        assert (said.code, said.err.count("error: "), "a/run.json is" in said.err) == (5, 1, True)
    assert not (program.output / "a" / "report.html").exists()
    assert (program.output / "c" / "report.html").exists()


def test_a_record_that_may_not_be_read_hides_none_of_the_others(program: Program) -> None:
    program("convert", zoo(program, "a.t7", "b.t7"), "--output", program.output, "-q")
    (program.output / "a" / "run.json").chmod(0)
    with unprivileged():
        said = program("status", program.output)
    assert (said.code, "a/run.json" in said.err) == (MachineError.exit_code, True)
    assert said.out.splitlines()[-1] == "1 models: 1 done"


def test_a_folder_without_runs_is_refused(program: Program) -> None:
    for command in ("status", "resume", "verify", "report"):
        assert program(command, program.folder).code == 2


def test_where_one_model_lies_now_cannot_be_said_of_several(program: Program) -> None:
    program("convert", zoo(program, "a.t7", "b.t7"), "--output", program.output, "-q")
    said = program("resume", program.output, "--model", program.model)
    assert (said.code, "--model" in said.err) == (2, True)


def test_another_model_does_not_replace_what_lies_in_a_folder_nobody_named(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = zoo(program, "x/model.t7", "y/model.t7")
    monkeypatch.chdir(program.folder)
    assert program("convert", folder / "x" / "model.t7", "-q").code == 0
    for command in ("convert", "plan"):
        said = program(command, folder / "y" / "model.t7")
        assert (said.code, f"made from {folder / 'x' / 'model.t7'}" in said.err) == (2, True)
    assert program("convert", folder / "x" / "model.t7", "-q").code == 0
    assert program("convert", folder / "y" / "model.t7", "-q", "--output", "model.converted").code == 0


def test_a_run_that_was_moved_with_its_model_goes_on(program: Program) -> None:
    place = program.folder / "p"
    place.mkdir()
    shutil.copy(program.model, place)
    store = program.folder / "another"
    program("convert", place / "model.t7", "--output", place / "out", "--store", store, "-q", "--no-verify")
    place.rename(program.folder / "q")
    moved = program.folder / "q" / "out"
    assert program("verify", moved, "-q").code == 0
    assert program("resume", moved, "-q").code == 0
    assert json.loads((moved / "run.json").read_text())["options"]["model"] == str(moved.parent / "model.t7")


def test_a_run_whose_model_is_gone_says_how_to_tell_where_it_is(program: Program) -> None:
    program.convert("-q")
    now = program.model.rename(program.folder / "elsewhere.t7")
    for command in ("resume", "verify"):
        said = program(command, program.output)
        assert said.code == 2
        assert f"where: {program.output / 'run.json'}" in said.err
        assert f"try: torch2caffe2 resume {program.output} --model FILE" in said.err
    assert "--model FILE" in program("status", program.output).out
    assert program("resume", program.output, "--model", now, "-q").code == 0
    assert program("resume", program.output, "-q").code == 0


def test_resume_takes_what_may_be_changed(program: Program) -> None:
    program.convert("-q")
    said = program("resume", program.output, "--root", "net", "--input", "2x3", "--without", "verify", "-q")
    assert said.code == 0
    asked = json.loads((program.output / "run.json").read_text())["options"]
    assert (asked["root"], asked["inputs"], asked["without"]) == ("net", ["2x3"], ["verify"])


def test_resume_is_advised_only_where_it_can_help(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "resume with" not in program.convert("--without", "nothing").err
    for error, helps in ((OSError(28, "No space left on device"), True), (ValueError("a bug"), False)):

        def fails(task: Task, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(runner, "discover", lambda fails=fails: (replace(IMPORT, run=fails), EMIT))
        assert ("resume with: " in program.convert().err) == helps


def test_status_says_whose_the_files_are_after_a_failed_second_run(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.convert("-q")
    assert "an earlier run" not in program("status", program.output).out

    def full(task: Task) -> None:
        raise OSError(28, "No space left on device")

    program.model.write_bytes(TORCH + b"another")
    monkeypatch.setattr(runner, "discover", lambda: (replace(IMPORT, run=full), EMIT, TRANSLATE, VERIFY))
    assert program.convert("-q").code == 6
    said = program("status", program.output)
    assert "of an earlier run, not of this one: " in said.out
    assert "deploy.prototxt" in program("status", program.output, "--json").model["older"]


@pytest.mark.parametrize("stage", NAMES)
def test_ctrl_c_delivers_what_is_finished(program: Program, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    def asked(each: object) -> object:
        def run(task: Task) -> object:
            os.kill(os.getpid(), signal.SIGINT)
            return each.run(task)  # type: ignore[attr-defined]

        return replace(each, run=run) if each.name == stage else each  # type: ignore[attr-defined, type-var]

    monkeypatch.setattr(runner, "discover", lambda: tuple(map(asked, STAGES)))
    said = program.convert("-q")
    is_last = stage == NAMES[-1]
    assert said.code == (0 if is_last else 130)
    assert (program.output / "graph.json").is_file()
    assert (program.output / "manifest.json").exists() == is_last
