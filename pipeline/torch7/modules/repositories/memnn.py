"""MemNN (facebook/MemNN). Read: EntNet-babi/layers/Normalization.lua, KVmemnn/library/*.lua and c/*.c."""

from __future__ import annotations

from pipeline.graph.operators import ReduceL2
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, fields, module, refused
from pipeline.torch7.modules.lookup import chosen


@module("nn.Normalization", where=fields("thresh"))
def normalization(m: Module, x: Value, net: Lowering) -> Value:
    """x over its norm along the last dimension, or over thresh + 1 where the norm is no more than thresh (EntNet)."""
    limit = m.float("thresh", 0.0)
    norm = net.add(ReduceL2(axes=(x.rank - 1,), keepdims=1), x, part="norm")
    large = net.add("Greater", norm, net.constant(limit, "thresh"), part="large")
    return net.add("Div", x, net.add("Where", large, norm, net.constant(limit + 1, "other"), part="divisor"))


@module("nn.WeightedLookupTableSkinny")
def weighted_lookup_table(m: Module, x: Value, net: Lowering) -> Value:
    """The row of the weight for each index, from 1 on, in x (N), or for each pair of an index and a factor (N, 2)."""
    if x.rank == 1:
        return chosen(m.weight(), x, net)
    if x.rank != 2 or x.shape[1] != 2:
        net.misfit("indices, or pairs of an index and a factor", x)
    rows = chosen(m.weight(), net.select(x, 1, 0, part="indices"), net, part="rows")
    return net.add("Mul", rows, net.narrow(x, 1, 1, 1, part="factors"))


refused(
    "nn.PositionalEncoder",
    "nn.SumVecarr",
    reason="takes sentences one behind the other, whose lengths it is given as data (MemNN)",
    advice="cut the network behind it",
)
