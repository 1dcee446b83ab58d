"""Kills a run wherever it touches the machine, and looks at what is left."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.store import collect
from pipeline.store.store import Artifact
from tests.children import in_child
from tests.engine.fakes import NAMES, STAGES, Bench

_WATCHED = {"open", "os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.chmod", "os.link", "fcntl.flock", "os.utime"}
POINTS = 40  # of about 400 that a run has


def _events_until(bench: Bench, limit: int | None) -> int:
    """Run in a child that dies at its `limit`-th touch of the machine; give how many touches it made."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal count
            if event in _WATCHED:
                count += 1
                if count == limit:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        bench.run()
        os.write(write, str(count).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as stream:
        return int(stream.read() or 0)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, bytes]]:
    bench = Bench(tmp_path_factory.mktemp("undisturbed"))
    bench.run(output=bench.folder / "warm", store=bench.folder / "warm-store")  # imports what is lazy
    touches = _events_until(bench, None)
    return touches, bench.delivered()


def test_a_run_killed_anywhere_is_resumed_to_the_same_bytes(
    undisturbed: tuple[int, dict[str, bytes]], tmp_path: Path
) -> None:
    touches, wanted = undisturbed
    assert touches > POINTS
    for point in range(1, touches + 1, touches // POINTS):
        folder = tmp_path / str(point)
        folder.mkdir()
        bench = Bench(folder)
        assert _events_until(bench, point) == 0
        finished = {a.manifest["stage"] for a in bench.store.artifacts() if isinstance(a, Artifact)}
        outcome = bench.resume() if (bench.output / "run.json").exists() else bench.run()
        assert outcome.error is None, (point, outcome.error)
        assert bench.delivered() == wanted, point
        assert set(bench.hits()) == finished, point
        assert sorted(bench.hits() + bench.ran()) == sorted(NAMES), point
        assert collect.check(bench.store) == [], point
        assert list((bench.root / "sessions").iterdir()) == [], point


@pytest.mark.parametrize("stage", NAMES)
def test_a_run_killed_inside_a_stage_loses_that_stage_only(stage: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    stages = tuple(
        replace(s, run=lambda task: signal.raise_signal(signal.SIGKILL)) if s.name == stage else s for s in STAGES
    )
    assert in_child(lambda: bench.run(stages=stages).exit_code) == -signal.SIGKILL
    assert bench.resume().exit_code == 0
    assert bench.hits() == NAMES[: NAMES.index(stage)]
    assert bench.ran() == NAMES[NAMES.index(stage) :]
