"""The table of passes by name, and a function that applies some of them in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipeline.errors import UsageError, nearest
from pipeline.graph.passes.changes import Change, changes
from pipeline.graph.registry import Registry
from pipeline.graph.values import Graph

Pass = Callable[[Graph], Graph]
PASSES: Registry[Pass] = Registry("pass")


def check(names: Iterable[str]) -> None:
    """Raise UsageError, with the most similar name, for an unknown pass."""
    for name in names:
        if name not in PASSES:
            raise UsageError(f"there is no pass {name!r}", advice=nearest(name, list(PASSES)))


def apply(graph: Graph, names: Iterable[str]) -> tuple[Graph, tuple[Change, ...]]:
    """Apply the passes with these names in order; return the graph, and what each of them changed.

    Raises UsageError for an unknown pass.
    """
    names = tuple(names)
    check(names)
    found: list[Change] = []
    for name in names:
        before, graph = graph, PASSES[name](graph)
        found += changes(name, before, graph)
    return graph, tuple(found)
