"""Counts how many modules of a network would run, before any does: a file of 2 kB can describe an endless network."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.graph.budget import Budget
from pipeline.torch7.module import Module, definition_of, join
from pipeline.torch7.objects import TorchObject
from pipeline.torch7.tree import CONTAINERS, in_nodes


def check_layers(root: Module) -> None:
    """Raise OverBudget, which names the innermost module in which too many modules would run.

    A module that occurs at several places is visited once, but counted as often as it runs.
    """
    budget, counts = Budget(), dict[int, int]()
    pending = [(root, False)]
    while pending:
        m, entered = pending.pop()
        key = id(m.object)
        if entered:
            counts[key] += sum(counts[id(inner.object)] for inner in _running(m))
            budget.check("layers", counts[key], m.origin)
        elif key not in counts:
            counts[key] = 1
            pending.append((m, True))
            pending.extend((inner, False) for inner in reversed(_running(m)))


def _running(m: Module) -> Sequence[Module]:
    """Return the modules that a module runs, each as often as it does.

    A module that occurs several times in branches runs once, because all branches have the same input.
    """
    definition, nodes = definition_of(m), in_nodes(m.object)
    if nodes is not None:
        return [Module(one, join(m.path, "node")) for one in nodes if isinstance(one, TorchObject)]
    inside, way = m.children(), CONTAINERS.get(m.kind)
    if way == "replicas":
        inside = inside[:1]
    elif way not in ("chain", "items"):
        inside = list({id(child.object): child for child in inside}.values())
    return [*inside, *(one for name in (definition.holds if definition else ()) for one in m.held(name))]
