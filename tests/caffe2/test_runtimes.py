"""Real Caffe2 runtimes, the oldest and the newest that are found, compute what the graph does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipeline.caffe2.files import write_pair
from pipeline.caffe2.write import write
from pipeline.graph.evaluation import run as evaluate
from pipeline.runtimes.runtime import Job, Runtime, run
from tests.graph.geometry import LAYERS, made
from tests.graph.nets import CASES, Case, Net, together
from tests.support import CAFFE2S

NETS = 40  # cases in one net


@pytest.fixture(scope="module", params=CAFFE2S)
def runtime(request):
    return request.param


@dataclass(frozen=True)
class Trial:
    """Cases in one net, ready to run, and what should come out."""

    cases: Sequence[Case]
    job: Job
    wanted: Sequence[np.ndarray]


def trial(cases: Sequence[Case], folder: Path) -> Trial:
    graph = together(cases)
    net = write(graph)
    folder.mkdir(parents=True)
    files = {"predict_net": folder / "predict_net.pb", "init_net": folder / "init_net.pb"}
    write_pair(net, files["predict_net"], folder / "predict_net.pbtxt", files["init_net"])
    arrays = [array for case in cases for array in case.feeds()]
    feeds = dict(zip((value.name for value in graph.inputs), arrays, strict=True))
    return Trial(cases, Job(files, feeds, list(net.predict.external_output)), evaluate(graph, feeds))


def differences(runtime: Runtime, trials: Sequence[Trial], folder: Path) -> list[str]:
    """Run the trials; where a net fails, run its cases apart to name those that do."""
    found: list[str] = []
    for number, (tried, result) in enumerate(zip(trials, run(runtime, [t.job for t in trials]), strict=True)):
        wrong = "" if result.ok else f"{result.stage}: {result.error}"
        for name, want in zip(tried.job.wanted, tried.wanted, strict=True) if result.ok else ():
            wrong = wrong or difference(name, result.blobs[name], want)
        if wrong and len(tried.cases) > 1:
            apart = folder / str(number)
            found += differences(runtime, [trial([c], apart / str(i)) for i, c in enumerate(tried.cases)], apart)
        elif wrong:
            found.append(f"{tried.cases[0].name}: {wrong}")
    return found


def difference(name: str, found: np.ndarray, wanted: np.ndarray) -> str:
    if (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
        return f"{name} is {found.dtype} {found.shape}, not {wanted.dtype} {wanted.shape}"
    if not np.allclose(found, wanted, rtol=2e-5, atol=1e-5, equal_nan=wanted.dtype.kind == "f"):
        return f"{name} is off by {np.abs(found.astype(float) - wanted).max()}"
    return ""


def trials(cases: Sequence[Case], folder: Path) -> list[Trial]:
    return [trial(cases[i : i + NETS], folder / str(i)) for i in range(0, len(cases), NETS)]


@pytest.fixture(scope="module")
def operators(tmp_path_factory):
    return trials(CASES, tmp_path_factory.mktemp("operators"))


@pytest.fixture(scope="module")
def geometries(tmp_path_factory):
    return trials(made(LAYERS, 200), tmp_path_factory.mktemp("geometries"))


def test_every_operator_computes_the_same_in_caffe2(runtime, operators, tmp_path):
    assert differences(runtime, operators, tmp_path) == []


def test_any_geometry_computes_the_same_in_caffe2(runtime, geometries, tmp_path):
    assert differences(runtime, geometries, tmp_path) == []


def test_a_net_runs_with_another_batch_size(runtime, tmp_path):
    net = Net("free")
    x = net.input("x", (2, 3, 8, 7))
    how = {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1), "dilations": (1, 1)}
    conv = net.add("Conv", x, net.w(4, 3, 3, 3), net.w(4), name="conv", **how)
    pool = net.add(
        "AveragePool", conv, kernel_shape=(2, 2), strides=(1, 1), pads=(1,) * 4, count_include_pad=1, name="pool"
    )
    soft = net.add("Softmax", pool, axis=1, name="soft")
    flat = net.add("Reshape", soft, shape=(0, -1), name="flat")
    y = net.add("LogSoftmax", net.add("Gemm", flat, net.w(flat.shape[1], 3), net.w(3), name="fc"), name="y")
    graph = net.finish([y])
    files = {"predict_net": tmp_path / "predict_net.pb", "init_net": tmp_path / "init_net.pb"}
    write_pair(write(graph), files["predict_net"], tmp_path / "predict_net.pbtxt", files["init_net"])
    batch = np.random.default_rng(0).normal(size=(6, 3, 8, 7)).astype(np.float32)
    (result,) = run(runtime, [Job(files, {"x": batch}, ["y"])])
    wanted = np.concatenate([evaluate(graph, [batch[i : i + 2]])[0] for i in (0, 2, 4)])
    np.testing.assert_allclose(result.blobs["y"], wanted, rtol=1e-5, atol=1e-5)
    assert set(result.blobs) >= {"x", "conv", "pool", "soft", "flat", "fc", "y"}
