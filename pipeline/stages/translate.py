"""Caffe -> Caffe2: read what the files say, not what an earlier stage knew, and write a predict and an init net."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipeline.stages.stage import Stage, Task

if TYPE_CHECKING:
    from pipeline.graph.passes import Change

OPTIMIZATIONS = "optimizations.json"


def run(task: Task) -> Mapping[str, str]:
    """Read the pair into a graph of its own, optimize it where asked to, and write each node as Caffe2 operators."""
    from pipeline.caffe2 import files, write
    from pipeline.graph import passes
    from pipeline.graph.input_types import cast_inputs, index_inputs
    from pipeline.stages import caffe_pair, signature

    pair = caffe_pair.read(task.inputs["caffe"], task.options, task.note)
    graph, changes = passes.apply(pair.graph, task.options["optimize"])
    if task.options["optimize"]:
        _tell(task, changes)
    # Caffe makes floats of whatever it is fed; Caffe2 computes with doubles or integers as such, or refuses.
    ports = zip(graph.inputs, pair.signature["inputs"], strict=True)
    other = {value.name for value, port in ports if port["dtype"] != "float32"} | index_inputs(graph).keys()
    net = write.write(cast_inputs(graph, other))
    digests = files.write_pair(
        net,
        task.output / "predict_net.pb",
        task.output / "predict_net.pbtxt",
        task.output / "init_net.pb",
        task.progress,
        split=task.options["split_init"],
    )
    inputs = net.predict.external_input[: len(graph.inputs)]
    signature.write(
        task.output, signature.with_blobs(pair.signature, "caffe2_blob", inputs, net.predict.external_output)
    )
    return digests


def _tell(task: Task, changes: Sequence[Change]) -> None:
    """List beside the net what each pass has changed, and say how much that is."""
    text = json.dumps([asdict(change) for change in changes], indent=1) + "\n"
    (task.output / OPTIMIZATIONS).write_text(text, encoding="utf-8")
    for name in task.options["optimize"]:
        count = sum(change.by == name for change in changes)
        task.note(f"{name}: {count or 'no'} {'node' if count == 1 else 'nodes'} changed")


def _check(options: Mapping[str, Any]) -> None:
    if options["optimize"]:
        from pipeline.graph import passes

        passes.check(options["optimize"])


STAGE = Stage(
    name="translate",
    makes="caffe2",
    needs=("caffe",),
    run=run,
    options=("inputs", "keep_loss", "optimize", "split_init"),
    libraries=("numpy", "protobuf"),
    modules=("pipeline.caffe.files", "pipeline.caffe.read", "pipeline.caffe2.files", "pipeline.caffe2.write"),
    check=_check,
)
