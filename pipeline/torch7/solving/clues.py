"""Hints in a checkpoint for users who do not know its network: what can be fed to the inputs."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.graph.input_types import index_inputs
from pipeline.graph.values import Graph
from pipeline.torch7.objects import LuaValue
from pipeline.torch7.solving import settings


def clues(graph: Graph, checkpoint: LuaValue) -> Iterator[str]:
    """Yield sentences on which numbers the inputs take, which options agree with their sizes, and how to normalise."""
    for name, count in index_inputs(graph).items():
        place = settings.vocabulary(checkpoint, count)
        entries = f", as many as the file's {place} has entries" if place else ""
        yield f"{name} takes whole numbers from 1 to {count}{entries}"
    sizes = {extent for value in graph.inputs for extent in value.shape if extent > 1}
    told = [*settings.features(checkpoint), *settings.planes(checkpoint), *settings.sides(checkpoint)]
    if agreeing := dict.fromkeys(str(each) for each in told if each.size in sizes and not each.shape):
        yield "the inputs' sizes agree with what was saved: " + ", ".join(agreeing)
    if averages := [f"{each.name} ({'x'.join(map(str, each.shape))})" for each in settings.averages(checkpoint)]:
        yield f"the file holds {' and '.join(averages)}: its inputs were normalised with them, most likely"
