"""PyTorch takes the modules that are written, in a process without this program, and computes what the graph does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import UnsupportedError
from pipeline.graph.evaluation import run
from pipeline.graph.values import Graph
from pipeline.pytorch.format import PYTORCH
from pipeline.runtimes.runtime import Job, Result, Runtime
from pipeline.runtimes.runtime import run as run_jobs
from tests.graph.geometry import LAYERS, made
from tests.graph.nets import STATIC, Case, Net, together
from tests.support import PYTORCHES, numbers

NETS = 40  # cases in one module


@pytest.fixture(scope="module", params=PYTORCHES)
def runtime(request) -> Runtime:
    return request.param


@dataclass(frozen=True)
class Trial:
    """Cases in one module, ready to run, and what should come out."""

    cases: Sequence[Case]
    job: Job
    wanted: list[np.ndarray]


def trial(cases: Sequence[Case], folder: Path) -> Trial:
    graph = together(cases)
    folder.mkdir(parents=True)
    written = PYTORCH.write(graph, folder)
    arrays = [array for case in cases for array in case.feeds()]
    job = Job(written.files, dict(zip(written.inputs, arrays, strict=True)), written.outputs)
    return Trial(cases, job, run(graph, arrays))


def differences(runtime: Runtime, trials: Sequence[Trial], folder: Path) -> list[str]:
    """Run the trials; where a module fails, run its cases apart to name those that do."""
    found: list[str] = []
    for number, (tried, result) in enumerate(zip(trials, run_jobs(runtime, [t.job for t in trials]), strict=True)):
        wrong = difference(tried, result)
        if wrong and len(tried.cases) > 1:
            apart = folder / str(number)
            found += differences(runtime, [trial([c], apart / str(i)) for i, c in enumerate(tried.cases)], apart)
        elif wrong:
            found.append(f"{tried.cases[0].name}: {wrong}")
    return found


def difference(tried: Trial, result: Result) -> str:
    if not result.ok:
        return f"{result.stage}: {result.error}"
    for name, want in zip(tried.job.wanted, tried.wanted, strict=True):
        got = result.blobs[name]
        if (got.shape, got.dtype) != (want.shape, want.dtype):
            return f"{name} is {got.dtype} {got.shape}, not {want.dtype} {want.shape}"
        if not np.allclose(got, want, rtol=2e-5, atol=1e-5, equal_nan=want.dtype.kind == "f"):
            return f"{name} is off by {np.abs(got.astype(float) - want).max()}"
    return ""


def refused(case: Case) -> bool:
    try:
        PYTORCH.rehearse(case.graph())
    except UnsupportedError:
        return True
    return False


def trials(cases: Sequence[Case], folder: Path) -> list[Trial]:
    return [trial(cases[i : i + NETS], folder / str(i)) for i in range(0, len(cases), NETS)]


def test_every_operator_is_the_same_in_pytorch_or_refused(runtime, tmp_path):
    taken = [case for case in STATIC if not refused(case)]
    assert {case.name.split()[0] for case in STATIC if refused(case)} <= {"MaxRoiPool"}
    assert differences(runtime, trials(taken, tmp_path / "nets"), tmp_path / "apart") == []


def test_any_geometry_computes_the_same_in_pytorch_or_is_refused(runtime, tmp_path):
    cases = made(LAYERS, 200)
    taken = [case for case in cases if not refused(case)]
    assert len(taken) > 0.9 * len(cases)
    assert differences(runtime, trials(taken, tmp_path / "nets"), tmp_path / "apart") == []


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
