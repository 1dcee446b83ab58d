from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.cli.answers import ANSWERS, Failure
from pipeline.cli.app import run
from pipeline.engine import planner, runner
from tests.engine.fakes import STAGES, TORCH


@dataclass
class Said:
    """What a command line gave."""

    code: int
    out: str
    err: str
    words: tuple[str, ...] = ()

    @property
    def data(self) -> Any:
        """What was printed with --json, which is as published."""
        return answered(self.words, self.out)

    @property
    def model(self) -> Any:
        """What was printed with --json of the one model that there was."""
        (model,) = self.data["models"]
        return model


def answered(words: Sequence[str], out: str) -> Any:
    """Return what a command printed with --json, which holds all that is published of it and nothing else."""
    data = json.loads(out, parse_constant=pytest.fail)
    name = " ".join(words[:2]) if words[0] in ("cache", "runtimes") else words[0]
    name = next((long for option in words if (long := f"{name} {option}") in ANSWERS), name)
    kind = Failure if "error" in data else ANSWERS[name]
    assert json.loads(msgspec.json.encode(msgspec.convert(data, kind))) == data
    return data


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
        return Said(code, out, err, tuple(map(str, words)))

    def convert(self, *words: object) -> Said:
        return self("convert", self.model, "--output", self.output, *words)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    monkeypatch.setenv("TORCH2CAFFE2_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(runner, "discover", lambda: STAGES)
    monkeypatch.setattr(planner, "discover", lambda: STAGES)
    return Program(tmp_path, capsys)
