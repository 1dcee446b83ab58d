"""Graph, or a Caffe pair if the run starts from one -> the source of a PyTorch module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.graph.format import READING, Network
from pipeline.pytorch.format import PYTORCH
from pipeline.stages import conversion, exits
from pipeline.stages.stage import Rehearsal, Stage, Task

if TYPE_CHECKING:
    from pipeline.wire.digest import Digested


def run(task: Task) -> Mapping[str, Digested]:
    """Write each node as a layer or an expression."""
    return exits.export(PYTORCH, task)


def _rehearse(task: Rehearsal) -> Network:
    return exits.rehearse_export(PYTORCH, task)


STAGE = Stage(
    name="export-pytorch",
    makes=PYTORCH.name,
    needs=(),
    needs_first=tuple(known.name for known in exits.FROM),
    default=False,
    run=run,
    rehearse=_rehearse,
    options=READING,
    environment=conversion.environment,
    libraries=("numpy",),
    modules=("pipeline.graph.serialization", "pipeline.pytorch.write"),
)
