"""Graph, Caffe and Caffe2 -> a verification: the same inputs through every artifact, by every runtime found."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.stages.stage import Stage, Task

if TYPE_CHECKING:
    from pipeline.inspection.verification import Artifact


def run(task: Task) -> None:
    """Compare every value of every artifact; VerificationError, with the place, where they differ."""
    import json

    from pipeline.inspection import divergence, feeds, verification
    from pipeline.runtimes import discovery, opencv

    artifacts = _artifacts(task)
    first = next(artifact.graph for artifact in artifacts if artifact.graph is not None)
    options = task.options
    reference = (
        feeds.read_reference(options["reference"], first)
        if options["reference"]
        else feeds.random_inputs(first, options["seed"])
    )
    engines = discovery.engines(os.environ, options["runtimes"])
    result = verification.verify(
        artifacts,
        reference,
        engines,
        options["tolerance"],
        opencv.doubt,
        task.progress,
    )
    report = verification.as_json(result)
    (task.output / "verification.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    verification.require(result, divergence.keep(result, artifacts, reference.inputs, engines, task.output))


def _artifacts(task: Task) -> list[Artifact]:
    """Give what there is to compare, the original first."""
    from pipeline.caffe2 import files as caffe2_files
    from pipeline.caffe2.read import read as read_caffe2
    from pipeline.graph import serialization
    from pipeline.inspection.verification import Artifact
    from pipeline.stages import caffe_pair, signature

    pair = caffe_pair.read(task.inputs["caffe"], task.options)
    folder = task.inputs["caffe2"]
    ports = signature.read(folder) or pair.signature
    predict, init = folder / "predict_net.pb", folder / "init_net.pb"
    shapes = {port["caffe2_blob"]: tuple(port["shape"]) for port in ports["inputs"]}
    found = [
        Artifact(
            "caffe",
            {"prototxt": pair.prototxt, "caffemodel": pair.weights},
            pair.graph,
            signature.blobs(ports, "inputs", "caffe_blob"),
            signature.blobs(ports, "outputs", "caffe_blob"),
        ),
        Artifact(
            "caffe2",
            {"predict_net": predict, "init_net": init},
            read_caffe2(caffe2_files.read_pair(predict, init), shapes),
            signature.blobs(ports, "inputs", "caffe2_blob"),
            signature.blobs(ports, "outputs", "caffe2_blob"),
        ),
    ]
    if "graph" in task.inputs:
        graph = serialization.read(task.inputs["graph"])
        names = [value.name for value in graph.inputs], [value.name for value in graph.outputs]
        found.insert(0, Artifact("graph", {}, graph, *names))
        if "t7" in task.inputs and not task.options["root"]:
            found.insert(1, Artifact("t7", {"t7": task.inputs["t7"]}, None, *names))
    return found


def _environment() -> Mapping[str, Any]:
    """Name the runtimes that would be asked: with another set, a verification says something else."""
    from pipeline.runtimes import discovery

    return {found.title: found.interpreter for found in discovery.engines(os.environ)}


STAGE = Stage(
    name="verify",
    makes="verification",
    needs=("caffe", "caffe2"),
    wants=("graph", "t7"),
    run=run,
    options=("inputs", "keep_loss", "reference", "root", "runtimes", "seed", "tolerance"),
    libraries=("numpy", "torch"),
    environment=_environment,
)
