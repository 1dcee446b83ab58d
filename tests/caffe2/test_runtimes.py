"""Real Caffe2 runtimes, the oldest and the newest that are found, compute what the graph does."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.caffe2.format import CAFFE2
from pipeline.graph.evaluation import run as evaluate
from pipeline.runtimes.runtime import Job, run
from tests.graph.geometry import LAYERS, made
from tests.graph.nets import CASES, Net
from tests.graph.trials import differences, trials
from tests.support import CAFFE2S


@pytest.fixture(scope="module", params=CAFFE2S)
def runtime(request):
    return request.param


@pytest.fixture(scope="module")
def operators(tmp_path_factory):
    return trials(CAFFE2, CASES, tmp_path_factory.mktemp("operators"))


@pytest.fixture(scope="module")
def geometries(tmp_path_factory):
    return trials(CAFFE2, made(LAYERS, 200), tmp_path_factory.mktemp("geometries"))


def test_every_operator_computes_the_same_in_caffe2(runtime, operators, tmp_path):
    assert differences(CAFFE2, runtime, operators, tmp_path) == []


def test_any_geometry_computes_the_same_in_caffe2(runtime, geometries, tmp_path):
    assert differences(CAFFE2, runtime, geometries, tmp_path) == []


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
    files = CAFFE2.write(graph, tmp_path).files
    batch = np.random.default_rng(0).normal(size=(6, 3, 8, 7)).astype(np.float32)
    (result,) = run(runtime, [Job(files, {"x": batch}, ["y"])])
    wanted = np.concatenate([evaluate(graph, [batch[i : i + 2]])[0] for i in (0, 2, 4)])
    np.testing.assert_allclose(result.blobs["y"], wanted, rtol=1e-5, atol=1e-5)
    assert set(result.blobs) >= {"x", "conv", "pool", "soft", "flat", "fc", "y"}
