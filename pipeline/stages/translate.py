"""Caffe -> Caffe2: read what the files say, not what an earlier stage knew, and write a predict and an init net."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.stages.stage import Stage, Task


def run(task: Task) -> Mapping[str, str]:
    """Read the pair into a graph of its own, and write each node as operators of Caffe2."""
    from pipeline.caffe2 import files, write
    from pipeline.graph.input_types import cast_inputs, index_inputs
    from pipeline.stages import caffe_pair, signature

    pair = caffe_pair.read(task.inputs["caffe"], task.options)
    # Caffe makes floats of whatever it is fed; Caffe2 computes with doubles or integers as such, or refuses.
    ports = zip(pair.graph.inputs, pair.signature["inputs"], strict=True)
    other = {value.name for value, port in ports if port["dtype"] != "float32"} | index_inputs(pair.graph).keys()
    net = write.write(cast_inputs(pair.graph, other))
    digests = files.write_pair(
        net,
        task.output / "predict_net.pb",
        task.output / "predict_net.pbtxt",
        task.output / "init_net.pb",
    )
    inputs = net.predict.external_input[: len(pair.graph.inputs)]
    signature.write(
        task.output, signature.with_blobs(pair.signature, "caffe2_blob", inputs, net.predict.external_output)
    )
    return digests


STAGE = Stage(
    name="translate",
    makes="caffe2",
    needs=("caffe",),
    run=run,
    options=("inputs", "keep_loss"),
    libraries=("numpy", "protobuf"),
)
