"""What the exports that bypass Caffe have in common: they start from the graph, or else from a Caffe pair.

It is separate from `conversion`, so that the stage `import` does not depend on the code for Caffe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.caffe.format import CAFFE
from pipeline.graph.format import Format, Network
from pipeline.graph.neutral import GRAPH
from pipeline.stages import conversion
from pipeline.stages.stage import Rehearsal, Task

if TYPE_CHECKING:
    from pipeline.wire.digest import Digested

FROM = (GRAPH, CAFFE)  # the first of these that is available


def export(known: Format, task: Task) -> Mapping[str, Digested]:
    """Write the graph (which may hold what Caffe cannot express), or else a Caffe pair. Raises as `Format.write`."""
    start = next(start for start in FROM if start.name in task.inputs)
    return conversion.write(known, start.read(start.stored(task.inputs[start.name], task.options), task.note), task)


def rehearse_export(known: Format, task: Rehearsal) -> Network:
    """Return the network as it would be after exporting and reading it. Raises UnsupportedError as `export`."""
    return conversion.rehearse(known, next(task.inputs[start.name] for start in FROM if start.name in task.inputs))
