"""Neutral graph -> Caffe: a prototxt that people can read, and its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.stages.stage import Stage, Task


def run(task: Task) -> Mapping[str, str]:
    """Write each node as layers of BVLC Caffe 1.0."""
    from pipeline.caffe import files
    from pipeline.caffe.write import emit
    from pipeline.graph import serialization
    from pipeline.stages import signature

    graph = serialization.read(task.inputs["graph"])
    emission = emit(graph)
    name = "model.caffemodel.h5" if task.options["weights_format"] == "hdf5" else "model.caffemodel"
    prototxt, caffemodel = task.output / "deploy.prototxt", task.output / name
    digests = files.write_pair(emission.net, prototxt, caffemodel, emission.comments, task.progress)
    ports = signature.read(task.inputs["graph"]) or signature.of_graph(graph)
    signature.write(task.output, signature.with_blobs(ports, "caffe_blob", emission.inputs, emission.outputs))
    return digests


def _check(options: Mapping[str, Any]) -> None:
    if options["weights_format"] == "hdf5":
        from pipeline.caffe import hdf5

        hdf5.require("--weights-format hdf5 needs h5py")


STAGE = Stage(
    name="emit",
    makes="caffe",
    needs=("graph",),
    run=run,
    options=("weights_format",),
    libraries=("numpy", "protobuf"),
    modules=("pipeline.caffe.files", "pipeline.caffe.write"),
    check=_check,
)
