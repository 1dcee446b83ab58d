"""A graph as a Caffe2 network."""

from __future__ import annotations

from pipeline.caffe2.files import Caffe2Net
from pipeline.caffe2.write.builder import WRITES, Caffe2Builder
from pipeline.errors import Problem, UnsupportedError
from pipeline.graph.expansions import expanded
from pipeline.graph.values import Graph


def write(graph: Graph) -> Caffe2Net:
    """Write every node as operators that Caffe2 1.0.1 has on a CPU and later releases read the same.

    Raises UnsupportedError with every node that has no exact counterpart.
    """
    net, problems = _written(graph)
    if problems:
        raise UnsupportedError(problems)
    return net.close(graph.outputs)


def unsupported(graph: Graph) -> tuple[Problem, ...]:
    """Return what `write` would refuse, without keeping what it writes."""
    return _written(graph)[1]


def _written(graph: Graph) -> tuple[Caffe2Builder, tuple[Problem, ...]]:
    graph = expanded(graph, WRITES.has)
    net = Caffe2Builder(graph)
    problems: list[Problem] = []
    for node in graph.nodes:
        writer = WRITES.get(node.operator.name)
        if writer is None:
            problems.append(Problem(str(node.origin), f"{node.operator.name} has no counterpart in Caffe2"))
            continue
        if not all(value.size for value in node.outputs):
            problems.append(Problem(str(node.origin), f"{node.operator.name} makes an empty value"))
            continue
        net.begin(node)
        try:
            writer(node, net)
        except UnsupportedError as error:
            problems.extend(error.problems)
    return net, tuple(problems)
