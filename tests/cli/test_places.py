"""Places that the user names, or stands in, and that cannot be what is needed: never a bug of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Program

LONG = "n" * 300


def _said_by_whom(program: Program, *words: object) -> None:
    said = program(*words)
    assert said.code in (2, 4, 5, 6), said
    assert said.err.startswith("error: ")
    assert "bug" not in said.err


@pytest.fixture(params=["a loop of links", "a long name", "a pipe", "a device"])
def place(request: pytest.FixtureRequest, program: Program) -> Path:
    """Return a path that is neither a file nor a folder, and can be made neither."""
    if request.param == "a long name":
        return program.folder / LONG
    if request.param == "a device":
        return Path("/dev/zero")
    if request.param == "a pipe":
        os.mkfifo(program.folder / "pipe")
        return program.folder / "pipe"
    (program.folder / "a").symlink_to("b")
    (program.folder / "b").symlink_to("a")
    return program.folder / "a"


@pytest.mark.parametrize("option", ["--store", "--output", "--report", "--reference", "--plugin", "--config"])
def test_an_option_may_name_it(program: Program, place: Path, option: str) -> None:
    words = [] if option == "--output" else ["--output", program.output]
    _said_by_whom(program, "convert", program.model, "-q", *words, option, place)


@pytest.mark.parametrize("inside", ["", "deep/inside"])
def test_an_output_that_is_a_file_or_lies_in_one_is_wrong_usage(program: Program, inside: str) -> None:
    (program.folder / "note").write_text("mine")
    said = program("convert", program.model, "-q", "--output", program.folder / "note" / inside)
    assert said.code == 2
    assert f"error: --output must be a folder, and {program.folder / 'note'} is a file\n" in said.err
    assert (program.folder / "note").read_text() == "mine"


@pytest.mark.parametrize("command", ["convert", "scan", "inspect", "lineage", "status", "resume", "verify", "report"])
def test_a_command_may_be_given_it(program: Program, place: Path, command: str) -> None:
    _said_by_whom(program, command, place)


@pytest.mark.parametrize("command", ["list", "check", "collect"])
def test_it_may_be_meant_to_be_the_store(program: Program, place: Path, command: str) -> None:
    _said_by_whom(program, "cache", command, "--store", place)


@pytest.mark.parametrize("key", ["model", "name", "output", "store", "root", "report"])
def test_a_configuration_may_hold_a_nul(program: Program, key: str) -> None:
    config = program.folder / "run.toml"
    lines = {"model": f"'{program.model}'", "output": f"'{program.output}'", key: '"a\\u0000b"'}
    config.write_text("\n".join(f"{name} = {value}" for name, value in lines.items()))
    said = program("convert", "--config", config, "-q")
    assert said.code == (0 if key == "root" else 2), said


def test_a_working_folder_may_be_gone(program: Program) -> None:
    code = f"cd {program.folder}; mkdir gone; cd gone; rmdir ../gone; {sys.executable} -m pipeline convert model.t7"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(["sh", "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 6
    assert "the working folder" in done.stderr
