"""PyTorch takes the modules that are written, in a process without this program, and computes what the graph does."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.graph.evaluation import evaluate, run
from pipeline.graph.values import Graph
from pipeline.pytorch.format import PYTORCH
from pipeline.runtimes.runtime import Job, Runtime
from pipeline.runtimes.runtime import run as run_jobs
from tests.graph.geometry import LAYERS, made
from tests.graph.nets import STATIC, Net
from tests.graph.trials import differences, trials
from tests.support import PYTORCHES, numbers


@pytest.fixture(scope="module", params=PYTORCHES)
def runtime(request) -> Runtime:
    return request.param


def test_every_operator_is_the_same_in_pytorch(runtime, tmp_path):
    assert differences(PYTORCH, runtime, trials(PYTORCH, STATIC, tmp_path / "nets"), tmp_path / "apart") == []


def test_any_geometry_computes_the_same_in_pytorch(runtime, tmp_path):
    nets = trials(PYTORCH, made(LAYERS, 200), tmp_path / "nets")
    assert differences(PYTORCH, runtime, nets, tmp_path / "apart") == []


def small(batch: int) -> Graph:
    net = Net("small")
    x = net.input("x", (batch, 3, 8, 7))
    how = {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1), "dilations": (1, 1)}
    conv = net.add("Conv", x, net.w(4, 3, 3, 3), net.w(4), name="conv", **how)
    flat = net.add("Reshape", net.add("Relu", conv, name="relu"), shape=(0, -1), name="flat")
    return net.finish([net.add("Gemm", flat, net.w(flat.shape[1], 3), net.w(3), name="y")])


def test_a_module_runs_with_another_batch_size(runtime, tmp_path):
    graph = small(2)
    written = PYTORCH.write(graph, tmp_path)
    batch = numbers(6, 3, 8, 7)
    (result,) = run_jobs(runtime, [Job(written.files, {"x": batch}, written.outputs)])
    wanted = np.concatenate([run(graph, [batch[i : i + 2]])[0] for i in (0, 2, 4)])
    np.testing.assert_allclose(result.blobs["y"], wanted, rtol=1e-5, atol=1e-5)


def test_a_submodule_that_runs_twice_gives_both_values(runtime, tmp_path):
    net = Net("twice")
    shared = net.w(4, 4), net.w(4)
    x = net.add("Gemm", net.input("x", (2, 4)), *shared, transB=1, name="one")
    graph = net.finish([net.add("Gemm", net.add("Tanh", x, name="between"), *shared, transB=1, name="two")])
    written = PYTORCH.write(graph, tmp_path)
    assert written.files["module"].read_text().count("nn.Linear(") == 1
    batch = numbers(2, 4)
    (result,) = run_jobs(runtime, [Job(written.files, {"x": batch}, written.outputs)])
    for value, wanted in evaluate(graph, [batch]):
        np.testing.assert_allclose(result.blobs[value.name], wanted, rtol=1e-5, atol=1e-5)


def test_the_process_holds_nothing_of_this_program(runtime, tmp_path):
    written = PYTORCH.write(small(2), tmp_path)
    source = written.files["module"]
    source.write_text(
        source.read_text() + "\n\nimport sys\nassert not any(m.startswith('pipeline') for m in sys.modules)\n"
    )
    (result,) = run_jobs(runtime, [Job(written.files, {"x": numbers(2, 3, 8, 7)}, written.outputs)])
    assert result.ok, result.error


def test_parameters_that_are_not_the_modules_are_refused_by_pytorch(runtime, tmp_path):
    written = PYTORCH.write(small(2), tmp_path)
    source = written.files["module"]
    source.write_text(source.read_text().replace("nn.Conv2d(3, 4, 3", "nn.Conv2d(3, 5, 3"))
    (result,) = run_jobs(runtime, [Job(written.files, {"x": numbers(2, 3, 8, 7)}, written.outputs)])
    assert (result.ok, result.stage) == (False, "load")
