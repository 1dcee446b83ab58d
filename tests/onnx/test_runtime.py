"""ONNX's checker and a real ONNX Runtime take what is written, and compute what the graph does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipeline.graph.evaluation import evaluate, run
from pipeline.onnx.files import write_model
from pipeline.onnx.write import write
from pipeline.runtimes.runtime import Job, Runtime
from pipeline.runtimes.runtime import run as run_jobs
from pipeline.wire import splice
from tests.graph.geometry import LAYERS, made
from tests.graph.nets import STATIC, Case, Net, together
from tests.support import ONNX_RUNTIMES, numbers

NETS = 60  # cases in one net


@pytest.fixture(scope="module", params=ONNX_RUNTIMES)
def engine(request) -> Runtime:
    return request.param


@dataclass(frozen=True)
class Trial:
    """Cases in one net, ready to run, and what should come out, by value."""

    cases: Sequence[Case]
    job: Job
    wanted: dict[str, np.ndarray]


def trial(cases: Sequence[Case], folder: Path) -> Trial:
    graph = together(cases)
    model = write(graph)
    folder.mkdir(parents=True)
    write_model(model, folder / "model.onnx")
    arrays = [array for case in cases for array in case.feeds()]
    feeds = dict(zip((value.name for value in graph.inputs), arrays, strict=True))
    outputs = [value.name for value in model.proto.graph.output]
    wanted = {value.name: array for value, array in evaluate(graph, feeds)}
    wanted |= dict(zip(outputs, run(graph, feeds), strict=True))
    return Trial(cases, Job({"onnx": folder / "model.onnx"}, feeds, outputs), wanted)


def differences(engine: Runtime, trials: Sequence[Trial], folder: Path) -> list[str]:
    """Run the trials; where a net fails, run its cases apart to name those that do."""
    found: list[str] = []
    for number, (tried, result) in enumerate(zip(trials, run_jobs(engine, [t.job for t in trials]), strict=True)):
        wrong = "" if result.ok else f"{result.stage}: {result.error}"
        for name, want in tried.wanted.items() if result.ok else ():
            wrong = wrong or difference(name, result.blobs[name], want)
        if wrong and len(tried.cases) > 1:
            apart = folder / str(number)
            found += differences(engine, [trial([c], apart / str(i)) for i, c in enumerate(tried.cases)], apart)
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


def test_every_value_of_every_operator_is_the_same_in_onnx_runtime(engine, tmp_path):
    assert differences(engine, trials(STATIC, tmp_path / "nets"), tmp_path / "apart") == []


def test_any_geometry_computes_the_same_in_onnx_runtime(engine, tmp_path):
    assert differences(engine, trials(made(LAYERS, 200), tmp_path / "nets"), tmp_path / "apart") == []


def classifier(batch: int) -> Net:
    net = Net("free")
    x = net.input("x", (batch, 3, 8, 7))
    how = {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1), "dilations": (1, 1)}
    conv = net.add("Conv", x, net.w(4, 3, 3, 3), net.w(4), name="conv", **how)
    pool = net.add(
        "AveragePool", conv, kernel_shape=(2, 2), strides=(1, 1), pads=(1,) * 4, count_include_pad=1, name="pool"
    )
    flat = net.add("Reshape", net.add("Softmax", pool, axis=1, name="soft"), shape=(0, -1), name="flat")
    net.add("LogSoftmax", net.add("Gemm", flat, net.w(flat.shape[1], 3), net.w(3), name="fc"), name="y")
    return net


def test_a_model_runs_with_another_batch_size(engine, tmp_path):
    net = classifier(2)
    graph = net.finish([net._nodes[-1].output])
    write_model(write(graph), tmp_path / "model.onnx")
    batch = numbers(6, 3, 8, 7)
    (result,) = run_jobs(engine, [Job({"onnx": tmp_path / "model.onnx"}, {"x": batch}, ["y"])])
    wanted = np.concatenate([run(graph, [batch[i : i + 2]])[0] for i in (0, 2, 4)])
    np.testing.assert_allclose(result.blobs["y"], wanted, rtol=1e-5, atol=1e-5)
    assert set(result.blobs) == {"conv", "pool", "soft", "flat", "fc", "y"}


def test_weights_in_a_file_of_their_own_are_found(engine, tmp_path, monkeypatch):
    net = classifier(1)
    graph = net.finish([net._nodes[-1].output])
    write_model(write(graph), tmp_path / "whole.onnx")
    monkeypatch.setattr(splice, "LIMIT", (tmp_path / "whole.onnx").stat().st_size)
    assert set(write_model(write(graph), tmp_path / "model.onnx")) == {"model.onnx", "model.onnx.data"}
    batch = numbers(1, 3, 8, 7)
    (result,) = run_jobs(engine, [Job({"onnx": tmp_path / "model.onnx"}, {"x": batch}, ["y"])])
    assert result.ok, result.error
    np.testing.assert_allclose(result.blobs["y"], run(graph, [batch])[0], rtol=1e-5, atol=1e-5)


def test_what_the_checker_refuses_is_not_run(engine, tmp_path):
    net = classifier(1)
    model = write(net.finish([net._nodes[-1].output]))
    model.proto.graph.node[0].attribute[0].name = "kernel_shapes"
    write_model(model, tmp_path / "model.onnx")
    (result,) = run_jobs(engine, [Job({"onnx": tmp_path / "model.onnx"}, {"x": numbers(1, 3, 8, 7)}, ["y"])])
    assert (result.ok, result.stage) == (False, "load")
    assert "kernel_shapes" in result.error
