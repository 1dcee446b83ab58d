"""What commands print for programs is what is published, whatever their exit code."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import app
from pipeline.cli.answers import ANSWERS, schema
from pipeline.cli.app import run
from pipeline.engine import runner
from pipeline.errors import UnsupportedError
from pipeline.runtimes import doctor
from pipeline.stages.stage import Task
from pipeline.store.store import Store
from tests.cli.conftest import Program
from tests.engine.fakes import EMIT, IMPORT, TRANSLATE
from tests.published import held, kind_of


@dataclass(frozen=True)
class Stray:
    name: str
    ok: bool = True


PUBLISHED = Path(__file__).parent.parent.parent / "docs" / "answers.schema.json"


def test_the_published_schema_is_of_these_types() -> None:
    assert PUBLISHED.read_text() == schema(), "python -m pipeline.cli.answers > docs/answers.schema.json"


def commands() -> dict[str, Any]:
    """Return every command by its name, those of a group with the group's."""
    import typer

    found: dict[str, Any] = dict(typer.main.get_command(app.app).commands)  # type: ignore[attr-defined]
    for group in ("cache", "runtimes"):
        found |= {f"{group} {name}": command for name, command in found.pop(group).commands.items()}
    return found


def test_every_command_with_json_has_a_type() -> None:
    asking = {name for name, command in commands().items() if any("--json" in p.opts for p in command.params)}
    assert asking == {name for name in ANSWERS if " --" not in name}


@pytest.mark.parametrize("name", commands())
def test_every_command_has_an_example_in_its_help(program: Program, name: str) -> None:
    lines = program(*name.split(), "--help").out.splitlines()
    assert any(f"{line} ".startswith(f"  torch2caffe2 {name} ") for line in lines)


def test_what_is_not_published_fails_the_test_that_prints_it() -> None:
    held(kind_of(["cache", "check", "--json"]), [{"name": "a", "problem": "b"}])
    for wrong in ([{"name": "a"}], [{"name": "a", "problem": 3}], [{"name": "a", "problem": "b", "more": 1}]):
        with pytest.raises((AssertionError, ValueError)):
            held(kind_of(["cache", "check"]), wrong)


def test_a_command_that_prints_something_else_fails_its_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", lambda *given: [Stray("x")])
    with pytest.raises(AssertionError, match="is not published"):
        app.run(["doctor", "--json"])


@pytest.mark.parametrize(
    "words",
    [
        ("inspect",),
        ("inspect", "--tree"),
        ("inspect", "--stats"),
        ("inspect", "--layer", "nothing"),
        ("diff", "{folder}/graph.json"),
        ("diff", "{folder}/nowhere"),
        ("operators", "--missing"),
        ("lineage",),
        ("status",),
        ("resume",),
        ("report",),
        ("export-layer", "--layer", "conv", "--output", "{out}"),
        ("export-layer", "--output", "{out}"),
    ],
)
def test_what_is_said_of_a_network_is_as_published(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    command, *more = (word.format(folder=run_folder, out=tmp_path / "out.zip") for word in words)
    place = more.pop() if command == "operators" else ""
    path = run_folder / "graph.json" if command in ("lineage", "operators") else run_folder
    run([command, *([place] if place else []), str(path), *more, "--json"])
    assert isinstance(json.loads(capsys.readouterr().out), list | dict)


@pytest.mark.parametrize("command", ["operators", "doctor", "cache list", "cache check", "cache collect"])
def test_what_is_said_of_this_machine_is_as_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    store = () if command == "operators" else ("--store", str(Store(tmp_path / "store").root))
    run([*command.split(), *store, "--json"])
    assert isinstance(json.loads(capsys.readouterr().out), list)


@pytest.mark.parametrize("words", [("convert", "nowhere.t7"), ("convert", "--seed", "x"), ("status", "nowhere")])
def test_what_stops_a_command_is_an_object_with_its_exit_code(program: Program, words: tuple[str, ...]) -> None:
    said = program(*words, "--json")
    error = said.model["errors"][0] if "models" in said.data else said.data["error"]
    assert (said.code, said.data["exit_code"], error["kind"]) == (2, 2, "usage")
    assert said.err.startswith(f"error: {error['what']}\n")


def test_a_bug_is_an_object_too(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(task: Task) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(runner, "discover", lambda: (replace(IMPORT, run=broken), EMIT, TRANSLATE))
    said = program.convert("--json", "-q")
    assert (said.code, said.data["error"]["kind"]) == (1, "bug")
    assert said.data["error"]["try"].startswith("report it with ")


def test_every_problem_of_a_network_is_told_apart(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def strange(task: Task) -> None:
        raise UnsupportedError.one("3 (nn.Strange)", "it is too strange", "leave it out")

    monkeypatch.setattr(runner, "discover", lambda: (replace(IMPORT, run=strange), EMIT, TRANSLATE))
    said = program.convert("--json", "-q")
    assert (said.code, said.data["exit_code"]) == (4, 4)
    (error,) = said.model["errors"]
    assert error["kind"] == "unsupported"
    assert error["problems"] == [{"where": "3 (nn.Strange)", "why": "it is too strange", "try": "leave it out"}]
