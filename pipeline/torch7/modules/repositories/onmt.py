"""OpenNMT (OpenNMT/OpenNMT): networks of one network. Read: onmt/modules/*.lua.

Its encoders and decoders are saved as tables of such networks: --root models.encoder.modules[1].
"""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import Clip, Expand
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.axes import axis_of, joined
from pipeline.torch7.modules.lookup import chosen
from pipeline.torch7.modules.table import alike_pair


@module(
    "onmt.Bridge",
    "onmt.FeaturesEmbedding",
    "onmt.GRU",
    "onmt.GlobalAttention",
    "onmt.LSTM",
    "onmt.MaskedSoftmax",
    "onmt.Network",
    "onmt.NoAttention",
    "onmt.WordEmbedding",
)
def network(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the network inside."""
    inside = m.children()
    if not inside:  # a Bridge of the type none, which gives nothing
        net.refuse("holds no network")
    return net.run(inside[0], x)


@module("onmt.FeaturesGenerator", "onmt.Generator")
def generator(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the network inside on the input, or on the first item of a table."""
    return network(m, x[0] if isinstance(x, tuple) and x else x, net)


@module("onmt.VariationalDropout")
def variational_dropout(m: Module, x: Value, net: Lowering) -> Value:
    """In evaluation a copy of the input."""
    return net.copy(x)


@module("onmt.JoinReplicateTable")
def join_replicate(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Join along one dimension, after repeating those of size 1 along another."""
    items = net.tensors(x)
    dims = m.maybe_int("nInputDims")
    behind = int(dims is not None and items[0].rank == dims + 1)
    repeated, along = (
        axis_of(d + behind if d > 0 else d, items[0], net)
        for d in (m.int("dimensionReplicate"), m.int("dimensionJoin"))
    )
    if any(item.rank <= repeated for item in items):
        net.misfit(f"tensors with a dimension {repeated + 1}", x)
    largest = max(item.shape[repeated] for item in items)
    whole = []
    for i, item in enumerate(items, 1):
        if item.shape[repeated] not in (1, largest):
            net.misfit(f"1 or {largest} along dimension {repeated + 1}", x)
        shape = (*item.shape[:repeated], largest, *item.shape[repeated + 1 :])
        whole.append(item if item.shape == shape else net.add(Expand(shape=shape), item, part=f"repeated{i}"))
    return joined(tuple(whole), along, net)


@module("onmt.PositionEmbedding")
def position_embedding(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The row for each place in sentences that are padded on the left: {vectors (N, T, D), lengths (N)}."""
    vectors, lengths = alike_pair(x[:2], net)
    if vectors.rank != 3 or lengths.shape != vectors.shape[:1] or m.int("dimension") not in (2, -2):
        net.misfit("vectors of 3 dimensions, a length for each sentence, and places along dimension 2", x)
    batch, steps, _ = vectors.shape
    from_end = np.arange(1, steps + 1, dtype=np.float32) - steps + 1
    column = net.reshape(lengths, (batch, 1), part="column")
    counted = net.add(
        "Add",
        net.add(Expand(shape=(batch, steps)), column, part="lengths"),
        net.weight(from_end[None], "from_end"),
        part="counted",
    )
    places = net.add(Clip(min=1.0, max=float(m.int("max_pos") + 1)), counted, part="places")
    return chosen(m.weight(), places, net)
