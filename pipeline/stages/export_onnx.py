"""Graph, or a Caffe pair if the run starts from one -> ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.graph.format import READING, Network
from pipeline.onnx.format import ONNX
from pipeline.stages import conversion, exits
from pipeline.stages.stage import Rehearsal, Stage, Task

if TYPE_CHECKING:
    from pipeline.wire.digest import Digested


def run(task: Task) -> Mapping[str, Digested]:
    """Write each node as operators of ONNX."""
    return exits.export(ONNX, task)


def _rehearse(task: Rehearsal) -> Network:
    return exits.rehearse_export(ONNX, task)


STAGE = Stage(
    name="export-onnx",
    makes=ONNX.name,
    needs=(),
    needs_first=tuple(known.name for known in exits.FROM),
    default=False,
    run=run,
    rehearse=_rehearse,
    options=READING,
    environment=conversion.environment,
    libraries=("numpy", "protobuf"),
    modules=("pipeline.graph.serialization", "pipeline.onnx.files", "pipeline.onnx.write"),
)
