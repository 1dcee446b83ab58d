"""ONNX's checker and a real ONNX Runtime take what is written, and compute what the graph does."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.graph.evaluation import run
from pipeline.onnx.files import write_model
from pipeline.onnx.format import ONNX
from pipeline.onnx.write import write
from pipeline.runtimes.runtime import Job, Runtime
from pipeline.runtimes.runtime import run as run_jobs
from pipeline.wire import splice
from tests.graph.geometry import LAYERS, made
from tests.graph.nets import STATIC, Net
from tests.graph.trials import differences, trials
from tests.support import ONNX_RUNTIMES, numbers


@pytest.fixture(scope="module", params=ONNX_RUNTIMES)
def engine(request) -> Runtime:
    return request.param


def test_every_value_of_every_operator_is_the_same_in_onnx_runtime(engine, tmp_path):
    assert differences(ONNX, engine, trials(ONNX, STATIC, tmp_path / "nets"), tmp_path / "apart") == []


def test_any_geometry_computes_the_same_in_onnx_runtime(engine, tmp_path):
    nets = trials(ONNX, made(LAYERS, 200), tmp_path / "nets")
    assert differences(ONNX, engine, nets, tmp_path / "apart") == []


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
