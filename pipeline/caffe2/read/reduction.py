"""Reductions along axes, and the search for the largest."""

from __future__ import annotations

from pipeline.caffe2.read.operator import Operator
from pipeline.caffe2.read.reader import Caffe2Reader, reads

_REDUCTIONS = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2")
_FRONT_AND_BACK = {
    f"Reduce{side}{kind}": f"Reduce{kind}" for side in ("Front", "Back") for kind in ("Sum", "Mean", "Max")
}


@reads(*_REDUCTIONS)
def reduction(op: Operator, net: Caffe2Reader) -> None:
    """Read the operator of the same name; all axes where none are given."""
    x = net.value(op.inputs[0])
    axes = op.ints("axes") or tuple(range(x.rank))
    net.give(op.type, x, axes=axes, keepdims=op.int("keepdims", 1))


@reads(*_FRONT_AND_BACK)
def front_or_back(op: Operator, net: Caffe2Reader) -> None:
    """Reduce the first or the last axes, which vanish."""
    (blob,) = op.inputs
    x = net.value(blob)
    count = op.int("num_reduce_dims", op.int("num_reduce_dim", 1))
    axes = tuple(range(count)) if op.type.startswith("ReduceFront") else tuple(range(x.rank - count, x.rank))
    net.give(_FRONT_AND_BACK[op.type], x, axes=axes, keepdims=0)


@reads("ArgMax", "ArgMin")
def search(op: Operator, net: Caffe2Reader) -> None:
    """ArgMax or ArgMin."""
    net.give(op.type, net.value(op.inputs[0]), axis=op.int("axis", -1), keepdims=op.int("keepdims", 1))


@reads("TopK")
def top_k(op: Operator, net: Caffe2Reader) -> None:
    """TopK of the largest."""
    (blob,) = op.inputs
    net.give("TopK", net.value(blob), k=op.int("k"), axis=op.int("axis", -1))
