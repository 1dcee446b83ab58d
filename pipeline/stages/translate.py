"""Caffe -> Caffe2: a predict net and an init net. Reads the Caffe files themselves, not the graph they came from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pipeline.caffe.format import CAFFE
from pipeline.caffe2.format import CAFFE2
from pipeline.graph.format import READING, Network
from pipeline.stages import conversion
from pipeline.stages.stage import Rehearsal, Stage, Task

if TYPE_CHECKING:
    from pipeline.graph.passes import Change
    from pipeline.wire.digest import Digested

OPTIMIZATIONS = "optimizations.json"


def run(task: Task) -> Mapping[str, Digested]:
    """Read the pair as a graph, optimize it if requested, and write each node as Caffe2 operators."""
    source = CAFFE.stored(task.inputs[CAFFE.name], task.options)
    network, changes = _prepared(CAFFE.read(source, task.note), task.options["optimize"])
    if task.options["optimize"]:
        _tell(task, changes)
    return conversion.write(CAFFE2, network, task)


def _prepared(network: Network, optimize: Sequence[str]) -> tuple[Network, Sequence[Change]]:
    """Return a network that is optimized, and whose inputs take the element types of the original.

    Caffe converts all inputs to floats. Caffe2 does not: it computes with doubles or integers, or refuses them.
    """
    from pipeline.graph import passes
    from pipeline.graph.input_types import cast_inputs, index_inputs

    graph, changes = passes.apply(network.graph, optimize)
    ports = zip(graph.inputs, network.signature.inputs, strict=True)
    other = {value.name for value, port in ports if port.dtype != "float32"} | index_inputs(graph).keys()
    return replace(network, graph=cast_inputs(graph, other)), changes


def _rehearse(task: Rehearsal) -> Network:
    network, _ = _prepared(task.inputs[CAFFE.name], task.options["optimize"])
    return conversion.rehearse(CAFFE2, network)


def _tell(task: Task, changes: Sequence[Change]) -> None:
    """Write what each pass changed to a file beside the net, and add a note with the number of changes."""
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
    makes=CAFFE2.name,
    needs=(CAFFE.name,),
    run=run,
    rehearse=_rehearse,
    options=(*READING, "optimize", "split_init"),
    environment=conversion.environment,
    libraries=("numpy", "protobuf"),
    modules=("pipeline.caffe.files", "pipeline.caffe.read", "pipeline.caffe2.files", "pipeline.caffe2.write"),
    check=_check,
)
