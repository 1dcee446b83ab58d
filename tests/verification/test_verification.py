"""What a verification says of nets that agree, that differ, and that a runtime cannot run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import MachineError, VerificationError
from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import run as evaluate
from pipeline.graph.values import Graph, Origin
from pipeline.runtimes.runtime import Result, Runtime
from pipeline.verification import verification, verifier
from pipeline.verification.check import Candidate
from pipeline.verification.feeds import Reference, random_inputs
from pipeline.verification.tolerance import Tolerance

CAFFE2 = Runtime("Caffe2", "1.0.1", "caffe2", "python", Path("caffe2.py"))
OPENCV = Runtime("OpenCV", "4.8.0", "caffe", "python", Path("opencv.py"), pads_shapes=True)
OPENCV_T7 = Runtime("OpenCV", "4.8.0", "t7", "python", Path("opencv.py"), guesses=True)


def two_layers(bias: float = 0.0) -> Graph:
    net = Builder("net")
    x = net.input("x", (3,))
    with net.at("first", Origin("1", "nn.AddConstant")):
        x = net.add("Add", x, net.constant(1.0 + bias))
    with net.at("second", Origin("2", "nn.Tanh")):
        return net.finish([net.add("Tanh", x)])


def artifact(kind: str, graph: Graph | None, output: str = "second") -> Candidate:
    return Candidate(kind, {}, graph, ["x"], [output])


def verified(artifacts, runtimes=(), reference=None, answer=None, monkeypatch=None, **more):
    if answer is not None:
        monkeypatch.setattr(verifier, "run_files", lambda runtime, jobs: [answer(jobs[0])])
    reference = reference or random_inputs(two_layers(), 0)
    return verification.verify(artifacts, reference, runtimes, Tolerance(1e-4), **more)


def statuses(result) -> list[tuple[str, str]]:
    return [(check.by, check.status) for check in result.checks]


def test_pairs_that_compute_the_same_pass():
    nets = [artifact(kind, two_layers()) for kind in ("graph", "caffe", "caffe2")]
    result = verified(nets)
    assert statuses(result) == [("caffe read back", "agrees"), ("caffe2 read back", "agrees")]
    verification.require(result)


def test_a_difference_names_the_first_layer_in_running_order_with_its_torch_path():
    result = verified([artifact("graph", two_layers()), artifact("caffe", two_layers(0.5))])
    assert not result.passed
    with pytest.raises(VerificationError) as raised:
        verification.require(result)
    assert raised.value.where == "first in first, 1 (nn.AddConstant)"
    assert "caffe read back" in raised.value.what


def test_outputs_of_the_original_are_evidence_against_the_import():
    inputs = random_inputs(two_layers(), 0).inputs
    wrong = Reference("io.npz", inputs, (np.zeros(3, np.float32),))
    result = verified([artifact("graph", two_layers())], reference=wrong)
    assert statuses(result) == [("io.npz", "differs")]
    assert not result.passed


def test_a_runtime_is_compared_by_the_outputs_position_and_inner_values_by_name(monkeypatch):
    def answer(job):
        (second,) = evaluate(two_layers(), list(job.inputs.values()))
        return Result({"renamed": second, "first": job.inputs["x"] + 1, "inner": np.zeros(7)})

    nets = [artifact("graph", two_layers()), artifact("caffe2", None, "renamed")]
    result = verified(nets, [CAFFE2], answer=answer, monkeypatch=monkeypatch)
    assert statuses(result) == [("Caffe2 1.0.1", "agrees")]
    assert result.checks[0].seen == 2


def test_a_runtime_that_computes_something_else_fails_the_verification(monkeypatch):
    nets = [artifact("graph", two_layers()), artifact("caffe2", None)]
    result = verified(nets, [CAFFE2], answer=lambda job: Result({"second": np.ones(3)}), monkeypatch=monkeypatch)
    assert not result.passed


def test_another_shape_is_a_difference_whatever_the_numbers(monkeypatch):
    nets = [artifact("graph", two_layers()), artifact("caffe2", None)]
    answer = lambda job: Result({"second": np.tanh(job.inputs["x"] + 1).reshape(1, 3)})  # noqa: E731
    assert not verified(nets, [CAFFE2], answer=answer, monkeypatch=monkeypatch).passed


def test_the_axis_that_opencv_adds_to_a_vector_is_no_difference(monkeypatch):
    nets = [artifact("graph", two_layers()), artifact("caffe", None)]
    answer = lambda job: Result({"second": np.tanh(job.inputs["x"] + 1).reshape(3, 1)})  # noqa: E731
    assert statuses(verified(nets, [OPENCV], answer=answer, monkeypatch=monkeypatch)) == [("OpenCV 4.8.0", "agrees")]


def test_what_a_runtime_makes_of_a_file_that_does_not_bind_is_shown_and_is_no_fault(monkeypatch):
    nets = [artifact("graph", two_layers()), replace(artifact("t7", None), binding=False)]
    result = verified(nets, [OPENCV_T7], answer=lambda job: Result({"second": np.ones(3)}), monkeypatch=monkeypatch)
    assert statuses(result) == [("OpenCV 4.8.0", "differs")]
    assert result.passed


def test_what_torch7_makes_of_its_own_file_binds_and_is_kept(monkeypatch):
    nets = [artifact("graph", two_layers()), artifact("t7", None)]
    torch7 = Runtime("Torch7", "on Lua 5.1", "t7", "python", Path("torch7.py"), executes=True)
    result = verified(nets, [torch7], answer=lambda job: Result({"second": np.ones(3)}), monkeypatch=monkeypatch)
    assert (result.passed, [e.state for e in result.evidence]) == (False, ["differs"])
    np.testing.assert_array_equal(result.original, [np.ones(3)])


@pytest.mark.parametrize(
    "result", [Result(stage="run", error="no such layer"), Result({"other": np.ones(3)})], ids=["refused", "no output"]
)
def test_a_runtime_that_cannot_run_the_files_is_skipped_with_its_reason(monkeypatch, result):
    nets = [artifact("graph", two_layers()), artifact("caffe2", None)]
    found = verified(nets, [CAFFE2], answer=lambda job: result, monkeypatch=monkeypatch)
    assert statuses(found) == [("Caffe2 1.0.1", "skipped")]
    assert found.checks[0].skipped
    assert found.passed


def test_a_runtime_that_cannot_be_started_is_skipped(monkeypatch):
    def fail(job):
        raise MachineError("python did not run", why="no such file")

    nets = [artifact("graph", two_layers()), artifact("caffe2", None)]
    found = verified(nets, [CAFFE2], answer=fail, monkeypatch=monkeypatch)
    assert found.checks[0].skipped == "no such file"


def test_a_runtime_that_is_doubted_is_not_asked(monkeypatch):
    def never(job):
        raise AssertionError

    nets = [artifact("graph", two_layers()), artifact("caffe2", None)]
    doubted = replace(CAFFE2, doubt=lambda files: "it is known to be wrong")
    found = verified(nets, [doubted], answer=never, monkeypatch=monkeypatch)
    assert found.checks[0].skipped == "it is known to be wrong"


def test_a_runtime_that_is_required_must_have_run_the_files(monkeypatch):
    nets = [artifact("graph", two_layers()), artifact("caffe2", None)]
    right = lambda job: Result({"second": np.tanh(job.inputs["x"] + 1)})  # noqa: E731
    asked = {"monkeypatch": monkeypatch, "required": ["caffe2==1.0.1"]}
    assert verified(nets, [CAFFE2], answer=right, **asked).passed
    result = verified(nets, [CAFFE2], answer=lambda job: Result(stage="run", error="no such layer"), **asked)
    assert (result.passed, result.unheard) == (False, ("caffe2==1.0.1",))
    assert verification.as_json(result)["unheard"] == ["caffe2==1.0.1"]
    with pytest.raises(VerificationError) as raised:
        verification.require(result)
    assert raised.value.what == "caffe2==1.0.1 has not judged the files, and was required to"
    assert raised.value.why == "Caffe2 1.0.1 (caffe2): run: no such layer"


def test_the_json_tells_every_check_and_value_and_has_no_infinities():
    report = verification.as_json(verified([artifact("graph", two_layers()), artifact("caffe", two_layers(np.inf))]))
    assert report["passed"] is False
    assert report["checks"][0]["relative"] == "inf"
    assert report["checks"][0]["diverges_in"] == "1 (nn.AddConstant)"
    assert [value["name"] for value in report["values"]] == ["first", "second", "x"]


def scaled(factor: float, terms: int = 3, error: float = 0.0) -> Graph:
    """Return a net that multiplies the sum of its input by a factor, a share of which is an error."""
    net = Builder("net")
    x = net.input("x", (1, terms))
    total = net.add("ReduceSum", x, axes=(1,), keepdims=1, name="total")
    return net.finish([net.add("Mul", total, net.constant(factor * (1 + error)), name="y")])


def judged(graph: Graph, other: Graph, inputs: np.ndarray, tolerance: Tolerance):
    artifacts = [Candidate("graph", {}, graph, ["x"], ["y"]), Candidate("caffe", {}, other, ["x"], ["y"])]
    return verification.verify(artifacts, Reference("given", (inputs,)), (), tolerance)


ONES = np.ones((1, 3), np.float32)


def test_an_output_that_is_small_is_held_to_its_own_measure():
    result = judged(scaled(1e-3), scaled(1e-3, error=0.01), ONES, Tolerance(1e-4))
    (check,) = result.checks
    assert check.status == "differs" and check.worst.relative < 1e-4
    assert check.to_largest == pytest.approx(0.01, rel=1e-3)
    with pytest.raises(VerificationError) as raised:
        verification.require(result)
    assert "by 0.01 of an output's max |b|" in raised.value.why


def test_an_output_that_is_small_may_be_apart_as_far_as_float32_rounds():
    left, right = np.float32(1.0), np.float32(-1.0)  # of which the sum is what float32 has rounded off of them
    inputs = np.array([[left, 3e-8, right]], np.float32)
    result = judged(scaled(1.0), scaled(1.0), inputs, Tolerance(1e-4))
    assert result.passed
    other = Reference("io.npz", (inputs,), (np.array([[1e-7]], np.float32),))
    artifact = Candidate("graph", {}, scaled(1.0), ["x"], ["y"])
    assert verification.verify([artifact], other, (), Tolerance(1e-4)).passed
    strict = verification.verify([artifact], other, (), Tolerance(1e-4, to_largest=1e-4))
    assert not strict.passed


def test_a_small_value_inside_the_network_is_measured_by_one():
    def by_way_of(factor: float) -> Graph:
        net = Builder("net")
        inner = net.add("Mul", net.input("x", (1, 3)), net.constant(factor), name="inner")
        return net.finish([net.add("Mul", inner, net.constant(1 / factor), name="y")])

    result = judged(by_way_of(1e-5), by_way_of(2e-5), ONES, Tolerance(1e-4))
    assert result.passed and result.checks[0].worst_at == "inner"


def test_what_may_be_apart_of_the_largest_output_can_be_demanded():
    nets = scaled(1.0), scaled(1.0, error=1e-5)
    assert judged(*nets, ONES, Tolerance(1e-4)).passed
    assert not judged(*nets, ONES, Tolerance(1e-4, to_largest=1e-6)).passed


def test_an_output_of_another_shape_is_told_as_that_and_not_as_a_distance():
    wrong = Reference("io.npz", (ONES,), (np.zeros((1, 2), np.float32),))
    artifact = Candidate("graph", {}, scaled(1.0), ["x"], ["y"])
    result = verification.verify([artifact], wrong, (), Tolerance(1e-4))
    with pytest.raises(VerificationError) as raised:
        verification.require(result)
    assert raised.value.why == "it is 1x2, not 1x1"
    assert verification.as_json(result)["checks"][0]["why"] == "it is 1x2, not 1x1"
