"""Products of matrices."""

from __future__ import annotations

import math

from pipeline.caffe2.read.operator import OperatorReader
from pipeline.caffe2.read.reader import Caffe2Reader, reads
from pipeline.graph.operators import Flatten, Gemm, Transpose
from pipeline.graph.operators.checks import positive_axis
from pipeline.graph.values import Value


@reads("FC", "FCTransposed")
def fc(op: OperatorReader, net: Caffe2Reader) -> None:
    """Gemm of x, flattened from `axis` on, and w, which is (N, K), or (K, N) if transposed."""
    x, w, _ = net.values(op.inputs)
    axis = positive_axis(op.int("axis", 1), x.rank)
    split = positive_axis(op.int("axis_w", 1), w.rank)
    rows = x if x.rank == 2 and axis == 1 else net.add(Flatten(axis=axis), x, part="flat")
    weight = net.shaped(op.inputs[1], (math.prod(w.shape[:split]), math.prod(w.shape[split:])), "weight")
    bias = net.shaped(op.inputs[2], (net.value(op.inputs[2]).size,), "bias")
    transposed = int(op.type == "FC")
    columns = weight.shape[0] if transposed else weight.shape[1]
    if axis == 1:
        net.give(Gemm(transB=transposed), rows, weight, bias)
    else:
        product = net.add(Gemm(transB=transposed), rows, weight, bias, part="product")
        net.give_as(product, (*x.shape[:axis], columns))


@reads("MatMul")
def matmul(op: OperatorReader, net: Caffe2Reader) -> None:
    """Gemm of two blobs, reshaped to matrices."""
    a, b = net.values(op.inputs)
    matrices = [
        value if value.rank == 2 and axis == 1 else net.add(Flatten(axis=axis), value, part=part)
        for value, axis, part in ((a, op.int("axis_a", 1), "a"), (b, op.int("axis_b", 1), "b"))
    ]
    net.give(Gemm(transA=op.int("trans_a", 0), transB=op.int("trans_b", 0)), *matrices)


@reads("BatchMatMul")
def batch_matmul(op: OperatorReader, net: Caffe2Reader) -> None:
    """MatMul, with transposed inputs if arguments say so."""
    a, b = net.values(op.inputs)
    op.int("broadcast", 0)  # only says that the shapes may differ
    left = _turned(net, a, "a") if op.int("trans_a", 0) else a
    right = _turned(net, b, "b") if op.int("trans_b", 0) else b
    net.give("MatMul", left, right)


def _turned(net: Caffe2Reader, x: Value, part: str) -> Value:
    axes = tuple(range(x.rank))
    return net.add(Transpose(perm=(*axes[:-2], axes[-1], axes[-2])), x, part=part)
