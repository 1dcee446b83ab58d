"""Reductions along axes, and the search for the largest."""

from __future__ import annotations

from pipeline.caffe2.read.operator import OperatorReader
from pipeline.caffe2.read.reader import Caffe2Reader, reads
from pipeline.graph.operators import ReduceMax, ReduceMean, ReduceSum, TopK

_FRONT_AND_BACK = {
    kind.name.replace("Reduce", f"Reduce{side}"): kind
    for side in ("Front", "Back")
    for kind in (ReduceSum, ReduceMean, ReduceMax)
}


@reads(*_FRONT_AND_BACK)
def front_or_back(op: OperatorReader, net: Caffe2Reader) -> None:
    """Reduce the first or the last axes, which disappear."""
    (blob,) = op.inputs
    x = net.value(blob)
    count = op.int("num_reduce_dims", op.int("num_reduce_dim", 1))
    axes = tuple(range(count)) if op.type.startswith("ReduceFront") else tuple(range(x.rank - count, x.rank))
    net.give(_FRONT_AND_BACK[op.type](axes=axes, keepdims=0), x)


@reads("TopK")
def top_k(op: OperatorReader, net: Caffe2Reader) -> None:
    """TopK of the largest."""
    (blob,) = op.inputs
    net.give(TopK(k=op.int("k"), axis=op.int("axis", -1)), net.value(blob))
