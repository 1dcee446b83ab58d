"""What lies outside of a folder is reached only where the command line, or a run of this user, has named it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.engine import planner, runner
from pipeline.report import gather
from pipeline.store.store import Store
from tests.cli.conftest import Program
from tests.engine.fakes import EMIT, IMPORT, TRANSLATE, VERIFY
from tests.support import edit_record

Record = dict[str, Any]


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "precious.html"
    path.write_text("mine")
    return path


def _plugins(record: Record, path: Path) -> None:
    record["options"]["plugins"] = [str(path)]


def _report(record: Record, path: Path) -> None:
    record["options"]["report"] = str(path)


def _store(record: Record, path: Path) -> None:
    record["store"] = str(path.parent / "theirs")


def _limits(record: Record, path: Path) -> None:
    record["options"]["limits"] = ["value=99999999999"]


@pytest.mark.parametrize("harm", [_plugins, _report, _store, _limits])
@pytest.mark.parametrize("command", ["resume", "verify"])
def test_what_lies_outside_is_shown_and_not_used(
    program: Program, precious: Path, harm: Callable[[Record, Path], None], command: str
) -> None:
    program.convert()
    Store(precious.parent / "theirs")
    edit_record(program.output, lambda record: harm(record, precious))
    said = program(command, program.output)
    assert said.code == 2
    assert "--trust" in said.err
    assert str(precious.parent) in said.err or "--limit value=99999999999" in said.err
    assert precious.read_text() == "mine"
    told = program("status", program.output)
    assert told.code == 0
    assert "--trust" in told.out


def test_a_report_shows_a_reference_only_where_a_run_of_this_user_named_it(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []

    def network(folder: Path, inputs: tuple[str, ...], reference: Path | None, seed: int) -> None:
        shown.append(reference)

    stages = (IMPORT, EMIT, TRANSLATE, replace(VERIFY, options=("seed", "reference")))
    for module in (runner, planner):
        monkeypatch.setattr(module, "discover", lambda: stages)
    monkeypatch.setattr(gather, "network", network)
    mine, theirs = tmp_path / "mine.npz", tmp_path / "theirs.npz"
    np.savez(mine, in0=np.zeros(1))
    assert program.convert("--reference", mine).code == 0
    program("report", program.output)
    edit_record(program.output, lambda record: record["options"].update(reference=str(theirs)))
    program("report", program.output)
    assert shown == [mine, None]


def test_with_trust_it_is_used(program: Program, tmp_path: Path) -> None:
    program.convert()
    edit_record(program.output, lambda record: _report(record, tmp_path / "page.html"))
    assert program("resume", program.output, "--trust").code == 0
    assert (tmp_path / "page.html").exists()


def test_what_is_typed_needs_no_trust(program: Program, tmp_path: Path) -> None:
    program.convert()
    edit_record(program.output, lambda record: _report(record, tmp_path / "theirs.html"))
    assert program("resume", program.output, "--report", tmp_path / "mine.html").code == 0
    assert (tmp_path / "mine.html").exists()
    assert not (tmp_path / "theirs.html").exists()


def test_what_this_user_asked_for_needs_no_trust_either(program: Program, tmp_path: Path) -> None:
    program.convert("--store", tmp_path / "other", "--report", tmp_path / "page.html", "--limit", "value=8000000000")
    assert program("resume", program.output).code == 0
    assert program("verify", program.output).code == 0
    moved = program.output.rename(tmp_path / "moved")
    assert program("verify", moved).code == 0  # the run is known, wherever its folder lies


def test_a_known_run_vouches_for_nothing_that_it_did_not_reach(program: Program, tmp_path: Path) -> None:
    program.convert("--store", tmp_path / "other", "--report", tmp_path / "page.html")
    moved = program.output.rename(tmp_path / "moved")
    edit_record(moved, lambda record: _report(record, tmp_path / "theirs.html"))
    assert program("resume", moved).code == 2
    edit_record(moved, lambda record: _report(record, tmp_path / "page.html"))
    edit_record(moved, lambda record: record.update(mark="0123456789ab"))
    assert program("resume", moved).code == 2  # nothing is known of that folder, nor of that mark


@pytest.mark.parametrize(("option", "flag"), [("runtimes", "--runtime"), ("require_runtimes", "--require-runtime")])
@pytest.mark.parametrize("words", [["resume"], ["verify"], ["verify", "--trust"], ["verify", "--seed", "3"]])
def test_no_record_makes_torch7_execute_the_model(program: Program, option: str, flag: str, words: list[str]) -> None:
    program.convert()
    edit_record(program.output, lambda record: record["options"].update({option: ["caffe", "Torch7"]}))
    said = program(*words, program.output)
    assert said.code == 2
    assert f"torch2caffe2 verify {program.output} {flag} Torch7" in said.err


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["delivered"].update({"graph.json": "x"}),
        lambda record: record["delivered"]["graph.json"].update(size=-1),
        lambda record: record["delivered"]["graph.json"].update(size="1"),
        lambda record: record["delivered"]["graph.json"].pop("blake3"),
        lambda record: record.update(stages={}),
        lambda record: record["stages"][0].update(seconds="long"),
        lambda record: record["stages"][0].update(reasons=[1]),
        lambda record: record.update(source=[]),
        lambda record: record.update(command="rm"),
        lambda record: record.update(options=[]),
        lambda record: record["options"].update(model=7),
        lambda record: record["options"].update(model="a\0b"),
        lambda record: record["options"].update(inputs="1x3"),
        lambda record: record["options"].update(tolerance=None),
        lambda record: record["options"].update(output=None),
        lambda record: record.update(format=99),
        lambda record: record.update(store=None),
        lambda record: record["stages"][0].update(size=10**4000),
        lambda record: record.update(stages=record["stages"] * 1000),
        lambda record: record["delivered"].update({f"f{i}": record["delivered"]["graph.json"] for i in range(1000)}),
        lambda record: record["pending"].update({f"f{i}": record["delivered"]["graph.json"] for i in range(1001)}),
    ],
)
def test_a_record_of_other_types_is_bad_input_and_blocks_nothing(
    program: Program, change: Callable[[Record], object]
) -> None:
    program.convert()
    edit_record(program.output, change)
    for command in ("resume", "verify", "status", "report"):
        said = program(command, program.output)
        assert said.code == 5, said.err
        assert "not a run record" in said.err
    said = program.convert()
    assert said.code == 0
    assert "not a run record" in said.err
    assert program("status", program.output).code == 0


@pytest.mark.parametrize("piece", [b"\xff", b"\xed\xa0\x80", b"\\ud800", b"[" * 3000, b"\0"])
def test_a_record_that_is_no_json_blocks_nothing(program: Program, piece: bytes) -> None:
    program.convert()
    path = program.output / "run.json"
    path.write_bytes(path.read_bytes().replace(b'"model"', piece + b'"model"', 1).replace(b"model.t7", piece, 1))
    for command in ("resume", "verify", "status", "report"):
        said = program(command, program.output)
        assert said.code == 5, said.err
        assert "is damaged" in said.err
    said = program.convert()
    assert said.code == 0
    assert "run.json is damaged: it is no JSON; it is ignored" in said.err


@pytest.mark.parametrize("text", ['{"mine": 1}', "no json", "[1]", '{"checks": [], "passed": true}'])
@pytest.mark.parametrize("name", ["verification.json", "optimizations.json"])
def test_a_verdict_that_this_run_has_not_made_is_not_shown_as_its_own(program: Program, name: str, text: str) -> None:
    program.output.mkdir()
    (program.output / name).write_text(text)
    for words in (["-v"], ["--json"], ["--report", program.folder / "page.html"]):
        said = program.convert("--no-verify", *words)
        assert said.code == 0, said.err
        assert "checked by" not in said.err
    assert (
        program("convert", program.model, "--output", program.output, "--no-verify", "--json").model["verification"]
        is None
    )
    assert program("resume", program.output).code == 0
    assert program("report", program.output).code == 0
    assert (program.output / name).read_text() == text
