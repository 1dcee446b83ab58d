from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pipeline.engine import runner
from pipeline.stages.stage import Task
from tests.cli.conftest import Program
from tests.engine.fakes import EMIT, IMPORT, NAMES, STAGES, TORCH, TRANSLATE, VERIFY


def test_data_goes_to_stdout_and_talk_to_stderr(program: Program) -> None:
    said = program.convert("--no-verify")
    assert said.code == 0
    assert said.out == f"{program.output}\n"
    assert [line.split()[0] for line in said.err.splitlines() if "running" in line] == NAMES[:3]


def test_quiet_says_nothing_but_the_data(program: Program) -> None:
    said = program.convert("-q", "--no-verify")
    assert (said.code, said.err) == (0, "")


def test_json_is_one_object(program: Program) -> None:
    said = program.convert("--json", "--no-verify")
    assert said.model["state"] == "done"
    assert [stage["state"] for stage in said.model["run"]["stages"]] == ["done"] * 3


def test_progress_can_be_lines_of_json(program: Program) -> None:
    said = program.convert("--progress", "json", "--no-verify")
    told = [json.loads(line) for line in said.err.splitlines()]
    assert told[-1]["event"] == "run_finished"


def test_several_inputs_are_kept_in_order(program: Program) -> None:
    said = program.convert("--input", "2x3", "--input", "[2x4,2x4]", "--json", "--no-verify")
    assert said.model["run"]["options"]["inputs"] == ["2x3", "[2x4,2x4]"]


def test_an_unreadable_input_is_a_usage_error(program: Program) -> None:
    said = program.convert("--input", "1,3,224")
    assert said.code == 2
    assert said.err.startswith("error: the input '1,3,224' cannot be read at character 2\n")


@pytest.mark.parametrize(
    "words",
    [
        ("convert",),
        ("convert", "nowhere.t7"),
        ("convert", "--seed", "x", "m"),
        ("convrt",),
        ("convert", "--inptu", "2"),
        ("plan", "nowhere.t7"),
        ("resume", "nowhere"),
        ("status", "nowhere"),
        ("convert", "m", "--progress", "loud"),
    ],
)
def test_what_cannot_be_obeyed_is_one_error_line_and_exit_code_2(program: Program, words: tuple[str, ...]) -> None:
    said = program(*words)
    assert said.code == 2, said
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err


def test_a_failure_names_the_command_that_resumes(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(task: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runner, "discover", lambda: (IMPORT, replace(EMIT, run=full), TRANSLATE, VERIFY))
    said = program.convert()
    assert said.code == 6
    assert "error: emit: writing its files failed" in said.err
    assert said.err.splitlines()[-1] == f"resume with: torch2caffe2 resume {program.output}"
    monkeypatch.setattr(runner, "discover", lambda: STAGES)
    said = program("resume", program.output)
    assert said.code == 0
    assert "import     cached" in said.err


def test_a_traceback_is_shown_only_when_asked_for(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(task: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runner, "discover", lambda: (replace(IMPORT, run=full),))
    assert "Traceback" not in program.convert("-v").err
    assert "Traceback" in program.convert("-vv").err


def test_a_bug_is_told_as_one_with_a_file_to_report(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(task: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(runner, "discover", lambda: (replace(IMPORT, run=bug),))
    said = program.convert()
    assert said.code == 1
    line = next(line for line in said.err.splitlines() if line.startswith("error: "))
    assert line == "error: this is a bug in torch2caffe2: ZeroDivisionError: oops"
    report = said.err.split("report it with ")[1].strip()
    with open(report) as stream:  # noqa: PTH123
        assert "ZeroDivisionError: oops" in stream.read()


def test_several_models_end_with_a_table_and_the_worst_exit_code(program: Program) -> None:
    (program.folder / "bad.t7").write_bytes(b'name: "prototxt"')
    text = "output = 'zoo'\nverify = false\n[[model]]\nmodel = 'bad.t7'\n[[model]]\nmodel = 'model.t7'\n"
    (program.folder / "zoo.toml").write_text(text)
    said = program("convert", "--config", program.folder / "zoo.toml")
    assert said.code == 5
    table = [line.split()[:3] for line in said.out.splitlines()]
    assert table == [["model", "state", "exit"], ["bad", "failed", "5"], ["model", "done", "0"]]
    said = program("convert", "--config", program.folder / "zoo.toml", "--json", "-q")
    assert [model["exit_code"] for model in said.data["models"]] == [5, 0]


def test_an_interruption_outranks_a_bug_and_a_bug_what_is_wrong_with_a_model(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(task: Task) -> None:
        raise {b"bug": ZeroDivisionError("oops"), b"stop": KeyboardInterrupt}[task.inputs["t7"].read_bytes()[4:]]

    monkeypatch.setattr(runner, "discover", lambda: (replace(IMPORT, run=run),))
    lines = ["output = 'zoo'"]
    models = {"bad": (b'name: "prototxt"', 5), "bug": (TORCH + b"bug", 1), "stop": (TORCH + b"stop", 130)}
    for name, (content, code) in models.items():
        (program.folder / f"{name}.t7").write_bytes(content)
        lines += ["[[model]]", f"model = '{name}.t7'"]
        (program.folder / "zoo.toml").write_text("\n".join(lines))
        assert program("convert", "--config", program.folder / "zoo.toml").code == code


def test_the_command_line_wins_over_the_file(program: Program) -> None:
    (program.folder / "run.toml").write_text("model = 'model.t7'\nverify = false\nseed = 1\noutput = 'o'\n")
    said = program("convert", "--config", program.folder / "run.toml", "--seed", 2, "--json")
    options = said.model["run"]["options"]
    assert (options["seed"], options["verify"]) == (2, False)
    assert options["origins"]["seed"] == "command line"
    assert options["origins"]["verify"].endswith("run.toml:2")


def test_a_caffe_pair_is_given_with_its_weights(program: Program) -> None:
    (program.folder / "n.prototxt").write_text('name: "n"\n')
    (program.folder / "n.caffemodel").write_bytes(b"\xffweights")
    words = ("--weights", program.folder / "n.caffemodel", "-o", program.output, "--no-verify")
    assert program("convert", program.folder / "n.prototxt", *words).code == 0
    assert (program.output / "predict_net.pb").exists()


def test_a_failed_verification_is_exit_code_3(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.engine.test_runner import _wrong

    monkeypatch.setattr(runner, "discover", lambda: (IMPORT, EMIT, replace(TRANSLATE, run=_wrong), VERIFY))
    said = program.convert("--json", "-q")
    assert said.code == 3
    assert said.model["state"] == "unverified"
    assert said.err.startswith("error: the networks differ\n  where: conv1\n")


def test_the_log_lies_in_the_output_folder(program: Program) -> None:
    program.convert("-q", "--no-verify")
    assert "run_finished" in (program.output / "events.jsonl").read_text()


def test_a_model_whose_name_is_no_identifier_is_no_problem(program: Program) -> None:
    program.model = program.folder / "my net (v1).t7"
    program.model.write_bytes(TORCH)
    assert program.convert("--no-verify").code == 0
