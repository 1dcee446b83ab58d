"""Lookups of vectors in tables, by indices that count from 1."""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import Cast, Gather, OneHot, Transpose
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module, refused
from pipeline.torch7.modules.table import zero_based


@module("nn.LookupTable", rank=2, unbatched="taken")
def lookup_table(m: Module, x: Value, net: Lowering) -> Value:
    """The row of the weight for every index in x; the padding index matters only in training."""
    return chosen(rows(m), x, net)


def chosen(weight: np.ndarray, x: Value, net: Lowering, part: str = "") -> Value:
    """Return the row of `weight` for every index in x, which counts from 1."""
    return net.add(Gather(axis=0), net.weight(weight), zero_based(x, net), part=part)


@module("nn.LookupTableGPU", rank=2, unbatched="taken")
def gpu_lookup_table(m: Module, x: Value, net: Lowering) -> Value:
    """As LookupTable; zeros for `unk_index`, and with `featuresInDim2` features before places (fbcunn)."""
    weight, unknown = m.weight(), m.maybe_int("unk_index")
    if unknown is not None:
        if not 1 <= unknown <= len(weight):
            net.refuse(f"gives zeros for the index {unknown}, for which its weight has no row")
        weight = np.array(weight)
        weight[unknown - 1] = 0
    if x.rank != 2 or not m.flag("featuresInDim2"):
        return chosen(weight, x, net)
    return net.add(Transpose(perm=(0, 2, 1)), chosen(weight, x, net, part="rows"))


def rows(m: Module) -> np.ndarray:
    """Return the weight. With maxNorm, longer rows are scaled down to it, as forward does (LookupTable.c)."""
    weight = m.weight()
    if not m.has("maxNorm"):
        return weight
    limit, p = m.float("maxNorm"), m.float("normType", 2.0)
    norm = np.linalg.norm(weight.astype(np.float64), ord=p, axis=1, keepdims=True)
    return np.where(norm > limit, weight * (limit / (norm + 1e-7)), weight).astype(np.float32)


@module("nn.OneHot", "OneHot")
def one_hot(m: Module, x: Value, net: Lowering) -> Value:
    """1 at the index, else 0, in a new last dimension (dpnn, char-rnn)."""
    return net.add(OneHot(depth=m.count("outputSize")), zero_based(x, net))


@module("nn.LookupTableMaskZero", rank=2, unbatched="taken")
def masked_lookup(m: Module, x: Value, net: Lowering) -> Value:
    """As LookupTable, with indices from 1 on; the index 0 gives zeros, whatever the first row holds (rnn)."""
    weight = np.array(rows(m), np.float32)
    weight[0] = 0
    return net.add(Gather(axis=0), net.weight(weight), net.add(Cast(to="int64"), x, part="index_int"))


refused(
    "nn.SparseLinear",
    "nn.IndexLinear",
    reason="takes a list of indices and values whose length changes from sample to sample",
    advice="give its weight to an nn.Linear, and dense input to that",
)
