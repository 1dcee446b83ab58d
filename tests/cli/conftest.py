from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.app import run
from pipeline.engine import planner, runner
from tests.engine.fakes import STAGES, TORCH
from tests.inspection.conftest import run_folder

__all__ = ["run_folder"]


@dataclass
class Said:
    """What a command line gave."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What was printed with --json."""
        return json.loads(self.out, parse_constant=pytest.fail)

    @property
    def model(self) -> Any:
        """What was printed with --json of the one model that there was."""
        (model,) = self.data["models"]
        return model


class Program:
    """The command line over fake stages, in a folder with a model and a store of its own."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capture = capture
        self.model = folder / "model.t7"
        self.model.write_bytes(TORCH + b"net")
        self.output = folder / "out"

    def __call__(self, *words: object) -> Said:
        code = run([str(word) for word in words])
        out, err = self.capture.readouterr()
        return Said(code, out, err)

    def convert(self, *words: object) -> Said:
        return self("convert", self.model, "--output", self.output, *words)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    monkeypatch.setenv("TORCH2CAFFE2_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where a report of a bug goes
    monkeypatch.setattr(runner, "discover", lambda: STAGES)
    monkeypatch.setattr(planner, "discover", lambda: STAGES)
    return Program(tmp_path, capsys)


def zoo(program: Program, *names: str) -> Path:
    """Return a folder with a model for each name."""
    folder = program.folder / "zoo"
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(TORCH + name.encode())
    return folder


def states(program: Program, folder: Path) -> dict[str, str]:
    """Return the state of each run in a folder, by name."""
    told = program("status", folder, "--json").data["models"]
    return {each["options"]["name"]: each["state"] for each in told}
