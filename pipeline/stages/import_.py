"""Torch7 file -> graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.graph.format import Network, Note, Source
from pipeline.graph.neutral import GRAPH
from pipeline.stages import conversion
from pipeline.stages.stage import Rehearsal, Stage, Task
from pipeline.torch7.format import TORCH7

if TYPE_CHECKING:
    from pipeline.wire.digest import Digested


def run(task: Task) -> Mapping[str, Digested]:
    """Find the network in the file, lower its modules to operators, and write graph and weights."""
    return conversion.write(GRAPH, _read(task.inputs, task.options, task.note), task)


def _rehearse(task: Rehearsal) -> Network:
    return _read(task.files, task.options, task.note, likeliest=True)


def _read(files: Mapping[str, Path], options: Mapping[str, Any], note: Note, *, likeliest: bool = False) -> Network:
    file = {TORCH7.name: files[TORCH7.name]}
    how = {name: options[name] for name in STAGE.options}
    return TORCH7.read(Source(file, **how, likeliest=likeliest), note)


STAGE = Stage(
    name="import",
    makes=GRAPH.name,
    needs=(TORCH7.name,),
    run=run,
    rehearse=_rehearse,
    options=("inputs", "root", "plugins", "keep_loss", "states"),
    libraries=("numpy", "torchfile"),
    environment=conversion.environment,
    modules=("pipeline.graph.serialization", "pipeline.torch7.importer"),
)
