"""Real Caffe2 runtimes, the oldest and the newest that are found, compute what the graph does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline.caffe2.files import write_pair
from pipeline.caffe2.write import write
from pipeline.graph.evaluation import run as evaluate
from pipeline.runtimes import caffe2
from pipeline.runtimes.engine import Engine, Job, run
from tests.caffe2.geometry import LAYERS, made
from tests.caffe2.nets import CASES, Case, together

ENGINES = [found for found in caffe2.find(os.environ) if isinstance(found, Engine)]
NETS = 40  # cases in one net

pytestmark = pytest.mark.skipif(not ENGINES, reason="no Caffe2 was found; set CAFFE2_PYTHON, or make runtimes")


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.title)
def engine(request):
    return request.param


def job(cases: Sequence[Case], folder: Path) -> Job:
    graph = together(cases)
    net = write(graph)
    folder.mkdir()
    files = {"predict_net": folder / "predict_net.pb", "init_net": folder / "init_net.pb"}
    write_pair(net, files["predict_net"], folder / "predict_net.pbtxt", files["init_net"])
    arrays = [array for case in cases for array in case.feeds()]
    feeds = dict(zip((value.name for value in graph.inputs), arrays, strict=True))
    return Job(files, feeds, list(net.predict.external_output))


def differences(engine: Engine, groups: Sequence[Sequence[Case]], folder: Path) -> list[str]:
    """Run each group as one net; where a net fails, run its cases apart to name those that do."""
    folder.mkdir(exist_ok=True)
    jobs = [job(cases, folder / str(i)) for i, cases in enumerate(groups)]
    found: list[str] = []
    for cases, made_job, result in zip(groups, jobs, run(engine, jobs), strict=True):
        graph = together(cases)
        wanted = evaluate(graph, dict(made_job.inputs))
        wrong = "" if result.ok else f"{result.stage}: {result.error}"
        for name, want in zip(made_job.wanted if result.ok else (), wanted, strict=result.ok):
            wrong = wrong or difference(name, result.blobs[name], want)
        if wrong and len(cases) > 1:
            found += differences(engine, [[case] for case in cases], folder / f"apart{len(found)}")
        elif wrong:
            found.append(f"{cases[0].name}: {wrong}")
    return found


def difference(name: str, found: np.ndarray, wanted: np.ndarray) -> str:
    if (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
        return f"{name} is {found.dtype} {found.shape}, not {wanted.dtype} {wanted.shape}"
    if not np.allclose(found, wanted, rtol=2e-5, atol=1e-5, equal_nan=wanted.dtype.kind == "f"):
        return f"{name} is off by {np.abs(found.astype(float) - wanted).max()}"
    return ""


def groups(cases: Sequence[Case]) -> list[Sequence[Case]]:
    return [cases[i : i + NETS] for i in range(0, len(cases), NETS)]


def test_every_operator_computes_the_same_in_caffe2(engine, tmp_path):
    assert differences(engine, groups(CASES), tmp_path / "nets") == []


def test_any_geometry_computes_the_same_in_caffe2(engine, tmp_path):
    assert differences(engine, groups(made(LAYERS, 400)), tmp_path / "nets") == []
