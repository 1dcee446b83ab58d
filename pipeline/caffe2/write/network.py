"""A graph as a Caffe2 network."""

from __future__ import annotations

from pipeline.caffe2.files import Caffe2Net
from pipeline.caffe2.write.builder import WRITES, Caffe2Builder
from pipeline.errors import Problem, UnsupportedError
from pipeline.graph.bounds import CHOOSING, needing_bounds
from pipeline.graph.expansions import expanded
from pipeline.graph.values import Graph


def write(graph: Graph) -> Caffe2Net:
    """Write every node as operators that Caffe2 1.0.1 has on a CPU and later releases read the same.

    Raises UnsupportedError with every node that has no exact counterpart.
    """
    net, problems = _written(graph)
    if problems:
        raise UnsupportedError(problems)
    written = net.close(graph.outputs)
    if fixed := _fixed(graph, written):
        raise UnsupportedError(fixed)
    return written


def unsupported(graph: Graph) -> tuple[Problem, ...]:
    """Return what `write` would refuse, without keeping what it writes."""
    return _written(graph)[1]


def _fixed(graph: Graph, net: Caffe2Net) -> tuple[Problem, ...]:
    """Return what the net would only run with as many rows as there can be, where the numbers tell how many there are.

    The net is read again, since some operators are written with extents of their inputs.
    """
    if not any(isinstance(node.operator, CHOOSING) for node in graph.nodes):
        return ()
    from pipeline.caffe2.read import read

    blobs = net.predict.external_input[: len(graph.inputs)]
    again = read(net, {blob: value.shape for blob, value in zip(blobs, graph.inputs, strict=True)})
    reason = "it needs to know how many rows there are, and that depends on the numbers"
    return tuple(Problem(str(node.origin), reason) for node in needing_bounds(again))


def _written(graph: Graph) -> tuple[Caffe2Builder, tuple[Problem, ...]]:
    graph = expanded(graph, WRITES.has)
    net = Caffe2Builder(graph)
    return net, WRITES.write(graph, net)
