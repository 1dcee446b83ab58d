"""The table of passes by name, and running some in the order of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipeline.errors import UsageError
from pipeline.graph.registry import Registry
from pipeline.graph.values import Graph

Pass = Callable[[Graph], Graph]
PASSES: Registry[Pass] = Registry("pass")


def apply(graph: Graph, names: Iterable[str]) -> Graph:
    """Run the passes of these names, one after the other; UsageError where there is no such pass."""
    for name in names:
        found = PASSES.get(name)
        if found is None:
            raise UsageError(f"there is no pass {name!r}", advice=f"one of {', '.join(PASSES)}")
        graph = found(graph)
    return graph
