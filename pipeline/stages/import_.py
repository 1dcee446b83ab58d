"""Torch7 file -> neutral graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.stages.stage import Stage, Task


def run(task: Task) -> Mapping[str, str]:
    """Find the network in the file, lower its modules, write graph and weights."""
    from pipeline import plugins
    from pipeline.graph import serialization
    from pipeline.graph.input_spec import parse_inputs
    from pipeline.stages import signature
    from pipeline.torch7 import importer

    path, options = task.inputs["t7"], task.options
    network = importer.find_network(path, options["root"] or None, options["plugins"])
    with plugins.no_late_imports(options["plugins"]):
        given, notes = parse_inputs(options["inputs"]), list[str]()
        graph = importer.lower(network.root, given, path.stem, network.checkpoint, notes=notes)
    for note in notes:
        task.note(note)
    digests = serialization.write(graph, task.output, task.progress)
    signature.write(task.output, signature.of_graph(graph, importer.element_type(network.root)))
    return digests


def _environment(options: Mapping[str, Any]) -> Mapping[str, str]:
    """Return what plugins are made of: the digests of the user's modules, and the versions of installed packages."""
    from pipeline import plugins
    from pipeline.wire.digest import file_digest

    modules = {f"module {name}": file_digest(path) for name, path in plugins.sources(options["plugins"]).items()}
    return modules | {f"package {name}": version for name, version in plugins.packages().items()}


STAGE = Stage(
    name="import",
    makes="graph",
    needs=("t7",),
    run=run,
    options=("inputs", "root", "plugins"),
    libraries=("numpy", "torchfile"),
    environment=_environment,
    modules=("pipeline.graph.serialization", "pipeline.torch7.importer"),
)
