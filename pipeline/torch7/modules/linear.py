"""Linear maps of feature vectors."""

from __future__ import annotations

from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module


@module("nn.Linear", "nn.LinearNoBias", "nn.LinearCR", "fbnn.Linear", "fbcunn.Linear", rank=2)
def linear(m: Module, x: Value, net: Lowering) -> Value:
    """y = x W' + b; x (N, in), W (out, in)."""
    bias = m.array("bias")
    return net.add(
        "Gemm",
        x,
        net.weight(m.weight()),
        None if bias is None else net.weight(bias, "bias"),
        transB=1,
    )
