"""Torch7 file -> neutral graph."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.stages.stage import Stage, Task


def run(task: Task) -> Mapping[str, str]:
    """Find the network in the file, lower its modules, write graph and weights."""
    from pipeline.graph import serialization
    from pipeline.input_spec import parse_input_spec
    from pipeline.stages import signature
    from pipeline.torch7 import importer

    graph = importer.read(
        task.inputs["t7"],
        inputs=[parse_input_spec(text) for text in task.options["inputs"]] or None,
        root=task.options["root"] or None,
        plugins=task.options["plugins"],
    )
    digests = serialization.write(graph, task.output)
    signature.write(task.output, signature.of_graph(graph))
    return digests


STAGE = Stage(
    name="import",
    makes="graph",
    needs=("t7",),
    run=run,
    options=("inputs", "root", "plugins"),
    libraries=("numpy", "torchfile"),
)
