"""Linear maps of feature vectors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.graph.operators import Gemm
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.objects import Storage, Table, Tensor


def features(m: Module) -> dict[int, int]:
    """Return the length of the input vectors of a weight (out, in)."""
    return {1: m.weight().shape[-1]}


@module("nn.Linear", "nn.LinearNoBias", rank=2, sizes=features)
def linear(m: Module, x: Value, net: Lowering) -> Value:
    """y = x W' + b; x (N, in), W (out, in)."""
    bias = m.array("bias")
    return net.add(
        Gemm(transB=1),
        x,
        net.weight(m.weight()),
        None if bias is None else net.weight(bias, "bias"),
    )


@module("nn.PartialLinear", rank=2, unbatched="refused", sizes=lambda m: {1: m.int("inputsize")})
def partial_linear(m: Module, x: Value, net: Lowering) -> Value:
    """A Linear of which only the rows in `partition` are computed (PartialLinear.lua)."""
    parallel = m.child("network").inner(1)
    weight = parallel.inner(2, branches=True).weight()
    chosen = np.array(m.sizes("partition"), np.int64) - 1
    if chosen.size == 0 or chosen.min() < 0 or chosen.max() >= len(weight):
        net.damaged(f"rows 1 to {len(weight)} in its partition", "others")
    whole = (chosen == np.arange(len(weight))).all() if len(chosen) == len(weight) else False
    bias = m.array("bias")
    rows = weight if whole else weight[chosen]
    offsets = None if bias is None else net.weight(bias.reshape(-1)[chosen], "bias")
    return net.add(Gemm(transB=1), x, net.weight(rows), offsets)


@module("nn.LinearWeightNorm", rank=2, sizes=lambda m: {1: m.weight("v").shape[-1]})
def linear_weight_norm(m: Module, x: Value, net: Lowering) -> Value:
    """A Linear with the weight g v / |v|, row by row (LinearWeightNorm.lua)."""
    v = m.weight("v").astype(np.float64)
    norm = np.maximum(np.linalg.norm(v, axis=1, keepdims=True), m.float("eps", 1e-16))
    weight = (v * (m.weight("g").reshape(-1, 1) / norm)).astype(np.float32)
    bias = m.array("bias")
    return net.add(Gemm(transB=1), x, net.weight(weight), None if bias is None else net.weight(bias, "bias"))


@module("nn.WeightNorm")
def weight_norm(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the module inside with the weight g v / sqrt(|v|^2 + 1e-4), which is not in the file (WeightNorm.lua)."""
    v, axis = m.weight("v").astype(np.float64), m.int("outputDim", 1) - 1
    shape = m.sizes("weightSize")
    if v.ndim != 2 or not 0 <= axis < len(shape) or v.size != np.prod(shape) or len(v) != shape[axis]:
        net.damaged("v and weightSize that fit", f"{v.shape} and {shape}")
    norm = np.sqrt((v**2).sum(axis=1) + 1e-4)
    scaled = v * (m.weight("g").reshape(-1) / norm)[:, None]
    front = (shape[axis], *shape[:axis], *shape[axis + 1 :])
    weight = np.ascontiguousarray(np.moveaxis(scaled.reshape(front), 0, axis), np.float32)
    child = m.inner(1)
    fields = Table({**child.object.fields, "weight": tensor(weight)}, child.object.offset)
    return net.run(Module(replace(child.object, fields=fields), child.path), x)


def tensor(array: np.ndarray) -> Tensor:
    """Return a contiguous array as a Torch tensor."""
    strides = tuple(step // array.itemsize for step in array.strides)
    return Tensor("torch.FloatTensor", Storage("torch.FloatStorage", array.reshape(-1)), 0, array.shape, strides)
