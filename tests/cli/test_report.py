from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.engine import runner
from tests.cli.conftest import Program
from tests.engine.fakes import EMIT, IMPORT, STAGES, TRANSLATE, VERIFY


def test_convert_writes_the_report_it_is_asked_for(program: Program) -> None:
    page = program.folder / "pages" / "run.html"
    said = program.convert("--report", page, "--no-verify")
    assert said.code == 0
    assert said.out == f"{program.output}\n"
    assert said.err.splitlines()[-1] == f"report: {page}"
    assert page.read_text().startswith("<!doctype html>")


def test_without_being_asked_it_writes_none(program: Program) -> None:
    program.convert("--no-verify")
    assert not list(program.folder.rglob("*.html"))


def test_a_failed_verification_is_reported_too(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.engine.test_runner import _wrong

    monkeypatch.setattr(runner, "discover", lambda: (IMPORT, EMIT, replace(TRANSLATE, run=_wrong), VERIFY))
    page = program.folder / "run.html"
    assert program.convert("--report", page, "-q").code == 3
    assert '<span class="badge bad">failed</span>' in page.read_text()


def test_a_run_that_failed_is_reported_and_its_resume_reports_again(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(task: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runner, "discover", lambda: (IMPORT, replace(EMIT, run=full), TRANSLATE, VERIFY))
    page = program.folder / "run.html"
    assert program.convert("--report", page).code == 6
    assert "emit: writing its files failed" in page.read_text()
    monkeypatch.setattr(runner, "discover", lambda: STAGES)
    said = program("resume", program.output)
    assert said.err.splitlines()[-1] == f"report: {page}"
    assert "emit: writing its files failed" not in page.read_text()
    assert "1 cached" in page.read_text()


def test_report_writes_a_page_beside_the_files_or_where_it_is_told(program: Program) -> None:
    program.convert("--no-verify")
    said = program("report", program.output)
    assert (said.code, said.out) == (0, f"{program.output / 'report.html'}\n")
    said = program("report", program.output, "-o", program.folder / "page.html")
    assert (program.folder / "page.html").read_bytes() == (program.output / "report.html").read_bytes()


def test_a_page_in_the_output_folder_is_no_edit(program: Program) -> None:
    program.convert("--no-verify")
    program("report", program.output)
    assert program.convert("--no-verify").code == 0
    assert (program.output / "report.html").exists()


def test_beside_a_page_lies_the_same_for_programs(program: Program) -> None:
    program.convert("--no-verify", "--report", program.folder / "page.html")
    program("report", program.output)
    printed = json.loads(program("report", program.output, "--json").out)
    for path in (program.output / "report.json", program.folder / "page.json"):
        assert json.loads(path.read_text()) == printed


@pytest.mark.parametrize("name", ["page.html", "page.json"])
def test_a_page_or_its_json_takes_no_other_files_place(program: Program, name: str) -> None:
    (program.folder / name).write_text("mine")
    said = program.convert("--no-verify", "--report", program.folder / "page.html")
    assert said.code == 2
    assert f"{program.folder / name} would be overwritten" in said.err
    assert (program.folder / name).read_text() == "mine"
    assert not program.output.joinpath("run.json").exists()


@pytest.mark.parametrize("place", ["/", ".", "..", ""])
def test_a_page_is_no_folder(program: Program, place: str) -> None:
    said = program.convert("--no-verify", "--report", place)
    assert (said.code, "is a folder" in said.err) == (2, True)
    program.convert("--no-verify")
    said = program("report", program.output, "--output", place)
    assert (said.code, "is a folder" in said.err) == (2, True)


def test_a_page_is_not_called_json(program: Program) -> None:
    said = program.convert("--no-verify", "--report", program.folder / "page.json")
    assert (said.code, "its JSON is written beside it" in said.err) == (2, True)


@pytest.mark.parametrize("name", ["graph.html", "verification.html", "model.py"])
def test_a_page_or_its_json_in_the_place_of_a_delivered_file_is_refused_before_anything_runs(
    program: Program, name: str
) -> None:
    said = program.convert("--report", program.output / "." / name)
    assert (said.code, "cannot be written" in said.err) == (2, True)
    assert not list(program.output.iterdir())
    assert program.convert("--no-verify", "--report", program.folder / name).code == 0


def test_report_gives_json(program: Program) -> None:
    program.convert("--no-verify")
    data = program("report", program.output, "--json").model
    assert [stage["state"] for stage in data["run"]["stages"]] == ["done"] * 3
    assert data["run"]["versions"]["python"]


def test_a_folder_without_a_run_is_a_usage_error(program: Program) -> None:
    said = program("report", program.folder)
    assert said.code == 2
    assert "is not the output folder of a run" in said.err


def test_a_page_that_cannot_be_written_is_the_machines_fault(program: Program) -> None:
    blocked = program.folder / "file"
    blocked.write_text("")
    said = program.convert("--no-verify", "--report", blocked / "page.html")
    assert said.code == 6
    assert "error: writing the report failed" in said.err


def test_models_that_share_a_report_get_one_each_beside_one_over_all(program: Program) -> None:
    text = "output = 'zoo'\nverify = false\n[[model]]\nmodel = 'model.t7'\n[[model]]\nmodel = 'other.t7'\n"
    (program.folder / "other.t7").write_bytes(program.model.read_bytes())
    (program.folder / "zoo.toml").write_text(text)
    said = program("convert", "--config", program.folder / "zoo.toml", "--report", program.folder / "page.html", "-q")
    assert said.code == 0
    assert _pages(program.folder) == ["page-model.html", "page-other.html", "page.html"]
    rows = json.loads((program.folder / "page.json").read_text())["models"]
    assert [(row["model"], row["page"], row["folder"]) for row in rows] == [
        ("model", "page-model.html", "zoo/model"),
        ("other", "page-other.html", "zoo/other"),
    ]


def test_the_report_survives_a_store_that_is_gone(program: Program) -> None:
    import shutil

    program.convert("--no-verify")
    shutil.rmtree(program.folder / "store")
    assert program("report", program.output).code == 0


def _pages(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.html"))
