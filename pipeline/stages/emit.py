"""Graph -> Caffe: a readable prototxt, and its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline.caffe.format import CAFFE
from pipeline.graph.format import Network
from pipeline.graph.neutral import GRAPH
from pipeline.stages import conversion
from pipeline.stages.stage import Rehearsal, Stage, Task

if TYPE_CHECKING:
    from pipeline.wire.digest import Digested


def run(task: Task) -> Mapping[str, Digested]:
    """Write each node as layers of BVLC Caffe 1.0."""
    return conversion.write(CAFFE, _deployed(GRAPH.read(GRAPH.stored(task.inputs[GRAPH.name]))), task)


def _rehearse(task: Rehearsal) -> Network:
    return conversion.rehearse(CAFFE, _deployed(task.inputs[GRAPH.name]))


def _deployed(network: Network) -> Network:
    """Return a network without Dropout nodes, which matter only in training."""
    from pipeline.graph.copies import without
    from pipeline.graph.operators import Dropout

    return replace(network, graph=without(Dropout, network.graph))


def _check(options: Mapping[str, Any]) -> None:
    if options["weights_format"] == "hdf5":
        from pipeline.caffe import hdf5

        hdf5.require("--weights-format hdf5")


STAGE = Stage(
    name="emit",
    makes=CAFFE.name,
    needs=(GRAPH.name,),
    run=run,
    rehearse=_rehearse,
    options=("weights_format",),
    libraries=("numpy", "protobuf"),
    modules=("pipeline.caffe.files", "pipeline.caffe.write"),
    check=_check,
)
