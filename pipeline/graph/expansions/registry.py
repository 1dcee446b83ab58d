"""The table of expansions by operator, and a function that expands what a format cannot write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from pipeline.graph.budget import Budget
from pipeline.graph.builder import Builder
from pipeline.graph.names import Names
from pipeline.graph.operators import Operator
from pipeline.graph.registry import Registry
from pipeline.graph.values import Graph, Node, Value

Expansion = Callable[[Node[Any], Builder], Value | tuple[Value, ...]]
EXPANSIONS: Registry[Expansion] = Registry("expansion of operator")
O = TypeVar("O", bound=Operator)  # noqa: E741 - an operator
R = TypeVar("R", bound=Value | tuple[Value, ...])


def expands(operator: type[O]) -> Callable[[Callable[[Node[O], Builder], R]], Callable[[Node[O], Builder], R]]:
    """Decorate the expansion of an operator. Raises ValueError if it already has one."""
    return EXPANSIONS.register(operator.name)


def expanded(graph: Graph, has: Callable[[Node, Graph], bool]) -> Graph:
    """Expand, repeatedly, the nodes for which `has` does not hold and that have an expansion.

    Given:
        y = TopK(x, largest=0)               and has holds for TopK with largest=1 only
    Result:
        y = Neg(TopK(Neg(x), largest=1))
    """
    taken = Names(value.name for value in (*graph.inputs, *graph.values()))
    taken.update(graph.weights, (node.name for node in graph.nodes))
    weights = dict(graph.weights)
    nodes: list[Node] = []
    waiting, budget = list(reversed(graph.nodes)), Budget()
    budget.grow("activations", sum(value.type.bytes for value in graph.inputs))
    while waiting:
        node = waiting.pop()
        expansion = EXPANSIONS.get(node.operator.name)
        if expansion is None or has(node, graph):
            nodes.append(node)
            continue
        net = Builder(taken=taken, budget=budget)
        waiting += reversed(_parts(node, expansion, net))
        weights |= net.weights
    return graph if nodes == [*graph.nodes] else replace(graph, nodes=tuple(nodes), weights=weights)


def _parts(node: Node, expansion: Expansion, net: Builder) -> list[Node]:
    """Return the nodes of an expansion. The last of them make the outputs of the expanded node."""
    with net.at(node.name, node.origin):
        made = expansion(node, net)
    outputs = made if isinstance(made, tuple) else (made,)
    if [value.type for value in outputs] != [value.type for value in node.outputs]:
        raise ValueError(f"{node.name} ({node.operator.name}) is expanded to {outputs} instead of {node.outputs}")
    final = {value.name: own for value, own in zip(outputs, node.outputs, strict=True)}
    parts = []
    for part in net.finish(outputs).nodes:
        name = node.name if part.output.name == outputs[0].name else part.name
        given = tuple(final.get(value.name, value) for value in part.outputs)
        parts.append(replace(part.taking(final), name=name, outputs=given))
    return parts
