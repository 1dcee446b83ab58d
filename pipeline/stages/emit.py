"""Neutral graph -> Caffe: a prototxt that people can read, and a caffemodel."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.stages.stage import Stage, Task


def run(task: Task) -> Mapping[str, str]:
    """Write each node as layers of BVLC Caffe 1.0."""
    from pipeline.caffe import files
    from pipeline.caffe.write import emit
    from pipeline.graph import serialization
    from pipeline.stages import signature

    graph = serialization.read(task.inputs["graph"])
    emission = emit(graph)
    prototxt, caffemodel = task.output / "deploy.prototxt", task.output / "model.caffemodel"
    digests = files.write_pair(emission.net, prototxt, caffemodel, emission.comments, task.progress)
    ports = signature.read(task.inputs["graph"]) or signature.of_graph(graph)
    signature.write(task.output, signature.with_blobs(ports, "caffe_blob", emission.inputs, emission.outputs))
    return digests


STAGE = Stage(name="emit", makes="caffe", needs=("graph",), run=run, libraries=("numpy", "protobuf"))
