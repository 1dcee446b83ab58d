"""What all stages that write a network have in common: they write its files, and a signature with their blobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline.graph.format import Format, Network
from pipeline.stages.stage import Task

if TYPE_CHECKING:
    from pipeline.wire.digest import Digested


def write(known: Format, network: Network, task: Task) -> Mapping[str, Digested]:
    """Write a network as an artifact and return the digests of its files. Raises as `Format.write`."""
    from pipeline.graph import signature

    written = known.write(network.graph, task.output, task.options, task.progress)
    ports = network.signature
    if known.writes:
        ports = ports.with_blobs(known.name, written.inputs, written.outputs)
    signature.write(task.output, ports)
    return written.digests


def environment(options: Mapping[str, Any]) -> Mapping[str, str]:
    """Return what determines the plugins: the digests of the user's modules, and the versions of installed packages."""
    from pipeline import plugins
    from pipeline.wire.digest import file_digest

    modules = {f"module {name}": file_digest(path) for name, path in plugins.sources(options["plugins"]).items()}
    return modules | {f"package {name}": version for name, version in plugins.packages().items()}


def rehearse(known: Format, network: Network) -> Network:
    """Return the network as it would be after writing and reading it. Raises UnsupportedError as `write`."""
    return replace(network, graph=known.rehearse(network.graph))
