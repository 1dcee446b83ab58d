"""The promises of the engine, kept with the real stages: resume after SIGKILL, and the same bytes anywhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import load
from pipeline.engine.reporters import LOG
from tests.support import digested
from tests.torch7.writer import nn, save, sequential, storage

STAGES = ["import", "emit", "translate", "verify"]

# Runs the command line; the stage that KILL names does its work and dies before it can be published.
PROGRAM = """
import os, signal, sys
from dataclasses import replace
from pipeline.cli.app import run
from pipeline.engine import runner
from pipeline.stages.discovery import discover

def deadly(stage):
    def run(task):
        stage.run(task)
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(stage, run=run)

runner.discover = lambda: tuple(deadly(s) if s.name == os.environ.get("KILL") else s for s in discover())
sys.exit(run(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small network whose weights are large enough to be linked, not copied."""
    random = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    convolution = nn(
        "SpatialConvolution", weight=weights(8, 3, 3, 3), bias=weights(8), nInputPlane=3, nOutputPlane=8,
        kW=3, kH=3, dW=1, dH=1, padW=1, padH=1,
    )  # fmt: skip
    pooling = nn("SpatialMaxPooling", kW=2, kH=2, dW=2, dH=2, padW=0, padH=0, ceil_mode=False)
    flat = nn("View", numElements=512, size=storage(np.array([512])), numInputDims=3)
    linear = nn("Linear", weight=weights(600, 512), bias=weights(600))
    path = tmp_path_factory.mktemp("model") / "net.t7"
    save(path, sequential(convolution, nn("ReLU", threshold=0, val=0, inplace=True), pooling, flat, linear))
    return path


def _run(folder: Path, *words: object, **environment: str) -> int:
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def _convert(folder: Path, model: Path, **environment: str) -> int:
    words = ("--input", "2x3x16x16", "--output", "out", "--store", "store", "--runtime", "none", "-q")
    return _run(folder, "convert", model, *words, **environment)


def _files(folder: Path) -> dict[str, bytes]:
    ours = ("run.json", LOG)
    return {path.name: path.read_bytes() for path in (folder / "out").iterdir() if path.name not in ours}


def test_killed_in_every_stage_a_run_ends_in_the_same_bytes_and_repeats_no_finished_stage(
    model: Path, tmp_path: Path
) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert _convert(undisturbed, model) == 0
    assert _convert(killed, model, KILL=STAGES[0]) == -signal.SIGKILL
    for stage in STAGES[1:]:
        assert _run(killed, "resume", "out", "-q", KILL=stage) == -signal.SIGKILL
    assert _run(killed, "resume", "out", "-q") == 0
    assert _files(killed) == _files(undisturbed)
    told = [json.loads(line) for line in (killed / "out" / LOG).read_text().splitlines()]
    finished = [event["stage"] for event in told if event["event"] == "stage_finished"]
    assert finished == STAGES
    started = [event["stage"] for event in told if event["event"] == "stage_started"]
    assert started == [stage for stage in STAGES for _ in range(2)]


def test_two_folders_and_two_hash_seeds_give_the_same_bytes(model: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "another place"
    assert _convert(one, model, PYTHONHASHSEED="1") == 0
    assert _convert(two, model, PYTHONHASHSEED="2") == 0
    assert _files(one) == _files(two)
    assert set(_files(one)) >= {"deploy.prototxt", "model.caffemodel", "predict_net.pb", "init_net.pb", "manifest.json"}


def test_every_stage_that_writes_weights_tells_its_progress_in_bytes(model: Path, tmp_path: Path) -> None:
    words = ("--input", "2x3x16x16", "--output", "out", "--store", "store", "--no-verify", "--progress", "json")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "convert", str(model), *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    told = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    last = {event["stage"]: event for event in told if event["event"] == "stage_progress"}
    assert list(last) == STAGES[:3]
    assert all(event["done"] == event["total"] > 1_000_000 and event["unit"] == "bytes" for event in last.values())


def test_the_digests_that_stages_give_are_those_of_their_files(model: Path, tmp_path: Path) -> None:
    """The store takes their word: for every file, also those that the kernel copied while they were digested."""
    from pipeline.stages import emit, import_, translate
    from pipeline.stages.stage import Task

    (options,) = load(None, {"model": model, "inputs": ["2x3x16x16"]}, {})
    inputs = {"t7": model}
    for module in (import_, emit, translate):
        stage = module.STAGE
        inputs[stage.makes] = tmp_path / stage.makes
        inputs[stage.makes].mkdir()
        given = module.run(Task(inputs, {name: getattr(options, name) for name in stage.options}, inputs[stage.makes]))
        assert given == {name: digested(inputs[stage.makes] / name) for name in given}
        assert any((inputs[stage.makes] / name).stat().st_size > 1 << 20 for name in given)
