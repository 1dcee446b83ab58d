"""Arithmetic, and what is done with bools."""

from __future__ import annotations

from functools import reduce

from pipeline.graph.builder import Builder
from pipeline.graph.expansions.registry import expands
from pipeline.graph.operators import Sum, Where
from pipeline.graph.values import Node, Value


@expands(Sum)
def total(node: Node[Sum], net: Builder) -> Value:
    """Add one after the other."""
    terms = [node.input(i) for i in range(len(node.inputs))]
    if len(terms) == 1:
        return net.add("Identity", terms[0])
    return reduce(lambda a, b: net.add("Add", a, b, part="partial"), terms)


@expands(Where)
def where(node: Node[Where], net: Builder) -> Value:
    """Of bools: both it and a, or b without it."""
    condition, a, b = (node.input(i) for i in range(3))
    if a.dtype != "bool":
        raise ValueError("to choose between numbers is as simple as can be")
    chosen = net.add("And", condition, a, part="chosen")
    other = net.add("And", net.add("Not", condition, part="not"), b, part="other")
    return net.add("Or", chosen, other)
