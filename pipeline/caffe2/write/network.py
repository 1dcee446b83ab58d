"""Writes a graph as a Caffe2 network."""

from __future__ import annotations

from pipeline.caffe2.files import Caffe2Net
from pipeline.caffe2.write.builder import WRITES, Caffe2Builder
from pipeline.errors import Problem, UnsupportedError
from pipeline.graph.bounds import CHOOSING, needing_bounds
from pipeline.graph.values import Graph


def write(graph: Graph) -> Caffe2Net:
    """Return a network with operators that Caffe2 1.0.1 has on a CPU, and that later releases read alike.

    Raises UnsupportedError with every node that has no exact counterpart.
    """
    _, net = WRITES.write(graph, Caffe2Builder)
    written = net.close(graph.outputs)
    if fixed := _fixed(graph, written):
        raise UnsupportedError(fixed)
    return written


def _fixed(graph: Graph, net: Caffe2Net) -> tuple[Problem, ...]:
    """Return problems for nodes that need to know the number of rows, if that depends on the data.

    To find them the net is read again, since some operators are written with sizes of their inputs.
    """
    if not any(isinstance(node.operator, CHOOSING) for node in graph.nodes):
        return ()
    from pipeline.caffe2.read import read

    blobs = net.predict.external_input[: len(graph.inputs)]
    again = read(net, {blob: value.shape for blob, value in zip(blobs, graph.inputs, strict=True)})
    reason = "it needs to know how many rows there are, and that depends on the numbers"
    return tuple(Problem(str(node.origin), reason) for node in needing_bounds(again))
