"""Arithmetic."""

from __future__ import annotations

from functools import reduce

from pipeline.graph.builder import Builder
from pipeline.graph.expansions.registry import expands
from pipeline.graph.operators import Sum
from pipeline.graph.values import Node, Value


@expands(Sum)
def total(node: Node[Sum], net: Builder) -> Value:
    """Add one after the other."""
    terms = [node.input(i) for i in range(len(node.inputs))]
    if len(terms) == 1:
        return net.add("Identity", terms[0])
    return reduce(lambda a, b: net.add("Add", a, b, part="partial"), terms)
