"""What every stage does that writes a network: its files, and a signature that knows the blobs in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pipeline.caffe.format import CAFFE
from pipeline.graph.format import Format, Network
from pipeline.graph.neutral import GRAPH
from pipeline.stages.stage import Rehearsal, Task

FROM = (GRAPH, CAFFE)  # where an exit that is not by way of Caffe starts: at the first of these that is there


def write(known: Format, network: Network, task: Task) -> Mapping[str, str]:
    """Write a network as an artifact; give the digests of its files. Raises as `Format.write`."""
    from pipeline.graph import signature

    written = known.write(network.graph, task.output, task.options, task.progress)
    ports = network.signature
    if known.writes:
        ports = ports.with_blobs(known.name, written.inputs, written.outputs)
    signature.write(task.output, ports)
    return written.digests


def rehearse(known: Format, network: Network) -> Network:
    """Return what reading back would give. Raises UnsupportedError as `write`."""
    return replace(network, graph=known.rehearse(network.graph))


def export(known: Format, task: Task) -> Mapping[str, str]:
    """Write the graph, with which comes what Caffe cannot express, or else a Caffe pair. Raises as `Format.write`."""
    start = next(start for start in FROM if start.name in task.inputs)
    return write(known, start.read(start.stored(task.inputs[start.name], task.options), task.note), task)


def rehearse_export(known: Format, task: Rehearsal) -> Network:
    """Return what reading back an export would give. Raises UnsupportedError as `export`."""
    return rehearse(known, next(task.inputs[start.name] for start in FROM if start.name in task.inputs))
