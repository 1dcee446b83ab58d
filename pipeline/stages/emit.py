"""Neutral graph -> Caffe: a prototxt that people can read, and a caffemodel."""

from __future__ import annotations

from pipeline.stages.stage import Stage, Task


def run(task: Task) -> None:
    """Write each node as layers of BVLC Caffe 1.0."""
    from pipeline.caffe import files, write
    from pipeline.graph import serialization
    from pipeline.stages import signature

    graph = serialization.read(task.inputs["graph"])
    net = write.write(graph)
    files.write_pair(net, task.output / "deploy.prototxt", task.output / "model.caffemodel", write.comments(graph, net))
    ports = write.signature(graph, net)
    signature.write(task.output, {side: list(ports[side]) for side in ("inputs", "outputs")})


STAGE = Stage(name="emit", makes="caffe", needs=("graph",), run=run, libraries=("numpy", "protobuf"))
