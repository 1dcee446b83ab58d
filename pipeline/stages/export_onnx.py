"""Neutral graph, or a Caffe pair where a run starts from one, -> ONNX."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.caffe.format import CAFFE
from pipeline.graph.format import Network
from pipeline.graph.neutral import GRAPH
from pipeline.onnx.format import ONNX
from pipeline.stages import conversion
from pipeline.stages.stage import Rehearsal, Stage, Task

FROM = (GRAPH, CAFFE)


def run(task: Task) -> Mapping[str, str]:
    """Write each node as operators of ONNX; what Caffe cannot express is in the graph, and comes with it."""
    known = next(known for known in FROM if known.name in task.inputs)
    source = known.stored(task.inputs[known.name], task.options)
    return conversion.write(ONNX, known.read(source, task.note), task)


def _rehearse(task: Rehearsal) -> Network:
    network = next(task.inputs[known.name] for known in FROM if known.name in task.inputs)
    return conversion.rehearse(ONNX, network)


STAGE = Stage(
    name="export-onnx",
    makes=ONNX.name,
    needs=(),
    needs_first=tuple(known.name for known in FROM),
    default=False,
    run=run,
    rehearse=_rehearse,
    options=("inputs", "keep_loss", "cut"),
    libraries=("numpy", "protobuf"),
    modules=("pipeline.graph.serialization", "pipeline.onnx.files", "pipeline.onnx.write"),
)
