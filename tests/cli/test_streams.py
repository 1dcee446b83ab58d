"""Standard streams that are closed, full or gone are no fault of the program's, and cost no conversion."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.torch7.writer import nn, save, sequential

PROGRAM = f"{sys.executable} -m pipeline"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save(tmp_path / "model.t7", sequential(nn("Tanh")))


def _shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
    )


CONVERT = f"{PROGRAM} convert model.t7 --input 1x3 --no-verify -o out"


@pytest.mark.parametrize(
    "streams", ["2>&-", "2>/dev/full", ">&- 2>&-", "0<&- >&- 2>&-", ">&-", "1</dev/null 2</dev/null"]
)
def test_a_conversion_needs_no_open_streams(model: Path, streams: str) -> None:
    assert _shell(f"{CONVERT} {streams}", model.parent).returncode == 0
    assert (model.parent / "out" / "manifest.json").exists()
    files = [path for path in (model.parent / "out").iterdir() if path.suffix in (".pb", ".prototxt", ".json")]
    assert not any(b" running " in path.read_bytes() for path in files)  # no talk went into a file


@pytest.mark.parametrize("command", [CONVERT, f"{PROGRAM} inspect model.t7 --input 1x3", f"{PROGRAM} operators"])
def test_a_full_stdout_is_the_machines_fault(model: Path, command: str) -> None:
    done = _shell(f"{command} >/dev/full", model.parent)
    assert done.returncode == 6, done.stderr
    assert "printing the result failed" in done.stderr
    assert "bug" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_model_through_a_pipe_is_called_one(model: Path) -> None:
    done = _shell(f"{PROGRAM} convert <(cat model.t7) --input 1x3 -o out", model.parent)
    assert done.returncode == 2
    assert "it is a pipe or a device" in done.stderr


def test_a_reader_of_our_data_may_go_away(model: Path) -> None:
    done = _shell(f"{PROGRAM} operators | true; exit ${{PIPESTATUS[0]}}", model.parent)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_of_paths_that_are_no_unicode_is_known_again(model: Path) -> None:
    model.rename(model.parent / os.fsdecode(b"\xff\xfe.t7"))
    output = r"$'\xe9'"
    commands = [CONVERT.replace("model.t7", r"$'\xff\xfe.t7'").replace("-o out", f"-o {output}")]
    commands += [f"{PROGRAM} {word} {output}" for word in ("resume", "status", "report")]
    done = _shell(" && ".join(commands), model.parent)
    assert done.returncode == 0, done.stderr
