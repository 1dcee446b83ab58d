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


def test_a_path_that_the_encoding_of_stdout_lacks_is_printed_as_it_is(model: Path) -> None:
    done = _shell(f"PYTHONIOENCODING=ascii {CONVERT.replace('-o out', '-o ö')}", model.parent)
    assert (done.returncode, done.stdout) == (0, f"{model.parent / 'ö'}\n")


@pytest.mark.parametrize("files", [8, 10, 12, 16])
def test_too_few_open_files_are_the_machines_fault(model: Path, files: int) -> None:
    save(model.with_name("other.t7"), sequential(nn("Tanh")))
    done = _shell(f"ulimit -n {files}; {CONVERT.replace('.t7', '.t7 other.t7')} -j 2", model.parent)
    assert done.returncode == 6, done.stderr
    assert "many open files" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("limit", "code"), [("50000000", 6), ("unlimited", 1)])
def test_an_abort_where_memory_is_limited_is_the_machines_fault(limit: str, code: int, tmp_path: Path) -> None:
    work = "import os; from pipeline.supervision import supervised; raise SystemExit(supervised(os.abort))"
    assert _shell(f"ulimit -v {limit}; {sys.executable} -c '{work}'", tmp_path).returncode == code
