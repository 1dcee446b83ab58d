"""The operands of operators that broadcast."""

from __future__ import annotations

from pipeline.caffe2.read.operator import OperatorReader
from pipeline.caffe2.read.reader import Caffe2Reader
from pipeline.graph.values import Value


def operands(op: OperatorReader, net: Caffe2Reader) -> tuple[Value, Value]:
    """Return two inputs in shapes that broadcast by numpy's rule.

    With the argument `broadcast`, the axes of the second input are those of the first from `axis` on, or its last ones.
    """
    a, b = net.values(op.inputs)
    if not op.int("broadcast", 0):
        return a, b
    axis = op.int("axis", -1)
    if b.size == 1:
        shape = b.shape if b.rank <= a.rank else ()
    elif axis < 0:
        shape = b.shape
    else:
        shape = b.shape + (1,) * (a.rank - axis - b.rank)
    return a, net.shaped(op.inputs[1], shape)
