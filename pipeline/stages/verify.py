"""Graph, Caffe and Caffe2 -> a verification: the same inputs through every artifact, by every runtime found."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.stages.stage import Stage, Task

if TYPE_CHECKING:
    from pipeline.graph.values import Graph
    from pipeline.verification.verification import Artifact


def run(task: Task) -> None:
    """Compare every value of every artifact; VerificationError, with the place, where they differ.

    Of an edited net ("original" is what it was before) only what was made from it must compute the same.
    """
    import json

    from pipeline.runtimes import discovery
    from pipeline.verification import divergence, feeds, verification

    artifacts, before = _artifacts(task), _before_the_edit(task)
    if before is not None:
        artifacts = _edited_first(artifacts, before.kind)
    first = next(artifact.graph for artifact in artifacts if artifact.graph is not None)
    original = before.graph if before and before.graph and _same_inputs(before.graph, first) else first
    options = task.options
    reference = (
        feeds.read_reference(options["reference"], original)
        if options["reference"]
        else feeds.random_inputs(first, options["seed"])
    )
    runtimes = discovery.runtimes(os.environ, *_named(options))
    for runtime in runtimes:
        if runtime.executes and "t7" in task.inputs:
            task.note(f"{runtime.name} executes what is in {task.inputs['t7'].name}: it was asked for by name")
    tolerance, required = options["tolerance"], options["require_runtimes"]
    result = verification.verify(artifacts, reference, runtimes, tolerance, task.progress, before, required)
    report = verification.as_json(result)
    (task.output / "verification.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if result.original:
        feeds.write_reference(task.output / "original.npz", reference.inputs, result.original)
    verification.require(result, divergence.keep(result, artifacts, reference.inputs, runtimes, task.output))


def _same_inputs(a: Graph, b: Graph) -> bool:
    return [value.shape for value in a.inputs] == [value.shape for value in b.inputs]


def _artifacts(task: Task) -> list[Artifact]:
    """Return what there is to compare, in the order in which it was made."""
    from pipeline.verification.verification import Artifact

    found = [_caffe(task.inputs["caffe"], task)]
    if "caffe2" in task.inputs:
        found.append(_caffe2(task.inputs["caffe2"], task))
    if "graph" in task.inputs:
        graph = _graph(task.inputs["graph"])
        found.insert(0, graph)
        if "t7" in task.inputs and not task.options["root"]:
            t7 = Artifact("t7", {"t7": task.inputs["t7"]}, None, graph.input_blobs, graph.output_blobs)
            found.insert(1, t7)
    return found


def _edited_first(artifacts: Sequence[Artifact], kind: str) -> list[Artifact]:
    """Make the edited artifact the reference; what it was made from may rightly compute something else."""
    place = [artifact.kind for artifact in artifacts].index(kind)
    return [*artifacts[place:], *(replace(artifact, binding=False) for artifact in artifacts[:place])]


def _before_the_edit(task: Task) -> Artifact | None:
    """Return the net that somebody edited as it was before; None where nobody has."""
    folder = task.inputs.get("original")
    if folder is None:
        return None
    present = {path.name for path in folder.iterdir()}
    if "graph.json" in present:
        found = _graph(folder)
    else:
        found = _caffe2(folder, task) if "predict_net.pb" in present else _caffe(folder, task)
    return replace(found, binding=False, title="the net before it was edited")


def _graph(folder: Path) -> Artifact:
    from pipeline.graph import serialization
    from pipeline.verification.verification import Artifact

    graph = serialization.read(folder)
    names = [value.name for value in graph.inputs], [value.name for value in graph.outputs]
    return Artifact("graph", {}, graph, *names)


def _caffe(folder: Path, task: Task) -> Artifact:
    from pipeline.stages import caffe_pair, signature
    from pipeline.verification.verification import Artifact

    pair = caffe_pair.read(folder, task.options)
    return Artifact(
        "caffe",
        {"prototxt": pair.prototxt, "caffemodel": pair.weights},
        pair.graph,
        signature.blobs(pair.signature, "inputs", "caffe_blob"),
        signature.blobs(pair.signature, "outputs", "caffe_blob"),
    )


def _caffe2(folder: Path, task: Task) -> Artifact:
    from pipeline.caffe2 import files
    from pipeline.caffe2.read import read
    from pipeline.stages import caffe_pair, signature
    from pipeline.verification.verification import Artifact

    ports = signature.read(folder) or caffe_pair.read(task.inputs["caffe"], task.options).signature
    shapes = {port["caffe2_blob"]: tuple(port["shape"]) for port in ports["inputs"]}
    predict, inits = folder / "predict_net.pb", files.init_nets(folder / "init_net.pb")
    return Artifact(
        "caffe2",
        {"predict_net": predict} | {path.stem: path for path in inits},
        read(files.read_pair(predict, *inits), shapes),
        signature.blobs(ports, "inputs", "caffe2_blob"),
        signature.blobs(ports, "outputs", "caffe2_blob"),
    )


def _environment(options: Mapping[str, Any]) -> Mapping[str, str]:
    """Name the runtimes that would be asked: with another set, a verification says something else."""
    from pipeline.runtimes import discovery

    return {found.title: found.interpreter for found in discovery.runtimes(os.environ, *_named(options))}


def _check(options: Mapping[str, Any]) -> None:
    """Raise UsageError for runtimes that are not here."""
    from pipeline.runtimes import discovery

    if any(_named(options)):
        discovery.runtimes(os.environ, *_named(options))


def _named(options: Mapping[str, Any]) -> tuple[Sequence[str], Sequence[str]]:
    return options["runtimes"], options["require_runtimes"]


STAGE = Stage(
    name="verify",
    makes="verification",
    needs=("caffe",),
    wants=("caffe2", "graph", "t7", "original"),
    follows=True,
    run=run,
    options=("inputs", "keep_loss", "reference", "require_runtimes", "root", "runtimes", "seed", "tolerance"),
    libraries=("numpy", "torch"),
    environment=_environment,
    check=_check,
)
