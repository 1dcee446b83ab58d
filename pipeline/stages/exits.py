"""What the exits that do not go by way of Caffe share: they start from the graph, or else from a Caffe pair.

Apart from `conversion`, so that the import does not depend on Caffe's code.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.caffe.format import CAFFE
from pipeline.graph.format import Format, Network
from pipeline.graph.neutral import GRAPH
from pipeline.stages import conversion
from pipeline.stages.stage import Rehearsal, Task

FROM = (GRAPH, CAFFE)  # the first of these that is there


def export(known: Format, task: Task) -> Mapping[str, str]:
    """Write the graph, with which comes what Caffe cannot express, or else a Caffe pair. Raises as `Format.write`."""
    start = next(start for start in FROM if start.name in task.inputs)
    return conversion.write(known, start.read(start.stored(task.inputs[start.name], task.options), task.note), task)


def rehearse_export(known: Format, task: Rehearsal) -> Network:
    """Return what reading back an export would give. Raises UnsupportedError as `export`."""
    return conversion.rehearse(known, next(task.inputs[start.name] for start in FROM if start.name in task.inputs))
