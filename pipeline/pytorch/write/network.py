"""Writes a graph as a PyTorch module."""

from __future__ import annotations

from pipeline.graph.values import Graph
from pipeline.pytorch.source import PyTorchModule, source
from pipeline.pytorch.write.builder import WRITES, ModuleBuilder


def write(graph: Graph) -> PyTorchModule:
    """Return a module in which every node is a layer of PyTorch, or an expression.

    Raises UnsupportedError with every node that has no exact counterpart.
    """
    graph, net = WRITES.write(graph, ModuleBuilder)
    return source(graph, net.close(graph.outputs))
