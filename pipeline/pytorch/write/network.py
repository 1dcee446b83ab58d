"""Writes a graph as a PyTorch module."""

from __future__ import annotations

from pipeline.errors import Problem, UnsupportedError
from pipeline.graph.expansions import expanded
from pipeline.graph.values import Graph
from pipeline.pytorch.source import PyTorchModule, source
from pipeline.pytorch.write.builder import WRITES, ModuleBuilder


def write(graph: Graph) -> PyTorchModule:
    """Return a module in which every node is a layer of PyTorch, or an expression.

    Raises UnsupportedError with every node that has no exact counterpart.
    """
    graph, net, problems = _written(graph)
    if problems:
        raise UnsupportedError(problems)
    return source(graph, net.close(graph.outputs))


def unsupported(graph: Graph) -> tuple[Problem, ...]:
    """Return the problems that `write` would raise."""
    return _written(graph)[2]


def _written(graph: Graph) -> tuple[Graph, ModuleBuilder, tuple[Problem, ...]]:
    graph = expanded(graph, WRITES.has)
    net = ModuleBuilder(graph)
    return graph, net, WRITES.write(graph, net)
