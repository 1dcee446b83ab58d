from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import MachineError
from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import run as evaluate
from pipeline.graph.operators import LeakyRelu
from pipeline.graph.values import Graph, Origin
from pipeline.runtimes.runtime import Job, Result, Runtime
from pipeline.verification import cut, divergence, feeds, verification, verifier
from pipeline.verification.check import Candidate
from pipeline.verification.divergence import Span, keep, smallest_diverging
from pipeline.verification.tolerance import Tolerance
from tests.verification.nets import network, saved


def chain(length: int, wrong: Sequence[int] = (), error: float = 0.0) -> Graph:
    """Powers of x + 1 in a row; those at `wrong` add an error."""
    net = Builder("chain")
    x = net.input("x", (1, 4))
    for i in range(length):
        with net.at(f"n{i}", Origin(str(i), "Add")):
            step = 1.0 + error if i in wrong else 1.0
            x = net.add("Add", x, net.weight(np.full((1, 4), step, np.float32)))
    return net.finish([x])


def read_back(graph: Graph, arrays: Sequence[np.ndarray]) -> np.ndarray:
    return evaluate(graph, arrays)[0]


def search(original: Graph, candidate: Graph, at: str, tolerance: float = 1e-4) -> Span | None:
    inputs = feeds.random_inputs(original, 0).inputs
    known = cut.values_of(original, inputs, [*original.inputs, *original.values()])
    return smallest_diverging(original, candidate, known, at, tolerance, read_back)


def test_one_wrong_layer_is_found_alone() -> None:
    span = search(chain(20), chain(20, [13], 1.0), "n13")
    assert span is not None
    assert [node.name for node in span.original.nodes] == ["n13"]
    assert [value.name for value in span.original.inputs] == ["n12"]
    assert span.apart.maximum == pytest.approx(1.0)


def test_errors_that_add_up_give_the_fewest_layers_that_are_apart_together() -> None:
    # each layer is wrong by 3e-4 and values grow: relative to them several are needed
    original, candidate = chain(12), chain(12, range(12), 3e-4)
    tolerance = 1.2e-3 / 12
    inputs = feeds.random_inputs(original, 0).inputs
    known = cut.values_of(original, inputs, [*original.inputs, *original.values()])
    span = smallest_diverging(original, candidate, known, "n11", tolerance, read_back)
    assert span is not None
    count = len(span.original.nodes)
    assert 1 < count < 12
    assert not span.apart.within(tolerance)


def test_a_layer_that_is_written_as_several_is_found_whole() -> None:
    def net(apart: bool) -> Graph:
        builder = Builder("net")
        x = builder.input("x", (1, 4))
        with builder.at("a", Origin("a", "")):
            x = builder.add("Tanh", x)
        with builder.at("b", Origin("b", "")):
            if apart:
                doubled = builder.add("Add", x, x, part="inner")
                x = builder.add("Sigmoid", doubled)
            else:
                x = builder.add("Sigmoid", x)
        return builder.finish([x])

    span = search(net(False), net(True), "b")
    assert span is not None
    assert [node.name for node in span.original.nodes] == ["b"]
    assert [node.name for node in span.candidate.nodes] == ["b_inner", "b"]


def test_networks_that_agree_have_no_such_part() -> None:
    assert search(chain(5), chain(5), "n4") is None


def broken() -> tuple[list[Candidate], tuple[np.ndarray, ...]]:
    """An original, and a Caffe network whose activation has another slope."""
    graph, other = network(slope=0.1), network(slope=0.5)
    artifacts = [
        Candidate("graph", {}, graph, ["data"], ["prob"]),
        Candidate("caffe", {}, other, ["data"], ["prob"]),
    ]
    return artifacts, feeds.random_inputs(graph, 0).inputs


def failed(artifacts: list[Candidate], inputs: tuple[np.ndarray, ...]) -> verification.Verification:
    return verification.verify(artifacts, feeds.Reference("random", inputs), [], Tolerance(1e-4))


def test_what_differs_is_kept_in_a_file_that_reproduces_it(tmp_path: Path) -> None:
    artifacts, inputs = broken()
    assert keep(failed(artifacts, inputs), artifacts, inputs, [], tmp_path) == divergence.FILE
    with zipfile.ZipFile(tmp_path / divergence.FILE) as packed:
        packed.extractall(tmp_path / "small")
        manifest = json.loads(packed.read("manifest.json"))
    assert manifest["cut"]["differs"] == "caffe read back"
    assert manifest["cut"]["at"] == "act"
    assert [value["name"] for value in manifest["inputs"]] == ["conv"]
    from pipeline import formats

    original, written = (
        formats.load(formats.Location(tmp_path / "small" / name)) for name in ("graph.json", "deploy.prototxt")
    )
    reference = feeds.read_reference(tmp_path / "small" / "reference.npz", original)
    np.testing.assert_array_equal(evaluate(original, reference.inputs)[0], reference.outputs[0])
    assert np.abs(evaluate(written, reference.inputs)[0] - reference.outputs[0]).max() > 0.1


def test_nothing_is_kept_of_a_verification_that_passed(tmp_path: Path) -> None:
    artifacts, inputs = broken()
    artifacts[1] = replace(artifacts[1], graph=artifacts[0].graph)
    assert keep(failed(artifacts, inputs), artifacts, inputs, [], tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_somebody_computed_elsewhere_cannot_be_narrowed_down(tmp_path: Path) -> None:
    artifacts, inputs = broken()
    reference = feeds.Reference("mine.npz", inputs, (np.ones((2, 5), np.float32),))
    found = verification.verify(artifacts[:1], reference, [], Tolerance(1e-4))
    assert not found.passed
    assert keep(found, artifacts[:1], inputs, [], tmp_path) == ""


RUNTIME = Runtime("Odd", "1.0", "caffe", "python", Path("odd.py"))


def odd_runtime(jobs: Sequence[Job], folder: Path) -> list[Result]:
    """Run the pair of a job, with an activation that is wrong."""
    from pipeline import formats

    (job,) = jobs
    graph = formats.load(formats.Location(job.files["prototxt"], job.files["caffemodel"]))
    wrong = tuple(
        replace(node, operator=LeakyRelu(alpha=0.9)) if isinstance(node.operator, LeakyRelu) else node
        for node in graph.nodes
    )
    outputs = evaluate(replace(graph, nodes=wrong), list(job.inputs.values()))
    return [Result(dict(zip((value.name for value in graph.outputs), outputs, strict=True)))]


def test_an_independent_runtime_is_asked_about_parts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (verifier, divergence):
        monkeypatch.setattr(module, "run_files", lambda _runtime, jobs: odd_runtime(jobs, tmp_path))
    folder = saved(network(), tmp_path / "run")
    files = {"prototxt": folder / "deploy.prototxt", "caffemodel": folder / "model.caffemodel"}
    graph = network()
    artifacts = [
        Candidate("graph", {}, graph, ["data"], ["prob"]),
        Candidate("caffe", files, graph, ["data"], ["prob"]),
    ]
    inputs = feeds.random_inputs(graph, 0).inputs
    found = verification.verify(artifacts, feeds.Reference("random", inputs), [RUNTIME], Tolerance(1e-4))
    assert [check.by for check in verification.differing(found)] == ["Odd 1.0"]
    (tmp_path / "kept").mkdir()
    assert keep(found, artifacts, inputs, [RUNTIME], tmp_path / "kept") == divergence.FILE
    with zipfile.ZipFile(tmp_path / "kept" / divergence.FILE) as packed:
        about = json.loads(packed.read("manifest.json"))
    # the runtime gave the output only, so that all layers from the wrong one on are needed
    assert about["cut"]["at"] == "prob"
    assert [value["name"] for value in about["inputs"]] == ["conv"]


def test_a_runtime_that_cannot_run_a_part_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts, inputs = broken()
    found = failed(artifacts, inputs)
    check = replace(verification.differing(found)[0], by=RUNTIME.title)

    def refuses(_runtime: Runtime, _jobs: Sequence[Job]) -> list[Result]:
        raise MachineError("no")

    monkeypatch.setattr(divergence, "run_files", refuses)
    assert keep(replace(found, checks=(check,)), artifacts, inputs, [RUNTIME], tmp_path) == ""


def test_the_error_names_the_file() -> None:
    artifacts, inputs = broken()
    with pytest.raises(verification.VerificationError) as caught:
        verification.require(failed(artifacts, inputs), divergence.FILE)
    assert divergence.FILE in caught.value.advice
