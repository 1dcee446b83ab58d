"""Cuts off the end of a network, for layers that have no counterpart."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.caffe.read.training import Deployed, is_source
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.caffe.schema import LayerParameter

CUT_BY_ITSELF = "auto"  # cuts at every layer without a counterpart


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of a network: its layers in order, the layers that are left out, and the blobs that these would take.

    `idle` are inputs that no layer of the part reads.
    """

    layers: tuple[LayerParameter, ...]
    left_out: tuple[LayerParameter, ...] = ()
    ends: tuple[str, ...] = ()
    idle: frozenset[str] = frozenset()

    @property
    def removed(self) -> frozenset[str]:
        """The names of the layers that are left out."""
        return frozenset(layer.name for layer in self.left_out)


def needed_for(part: Cut, outputs: Collection[str]) -> Cut:
    """Return the part without layers that the outputs do not need. Data layers stay, as idle inputs if not read."""
    wanted = set(outputs)
    kept: list[LayerParameter] = []
    for layer in reversed(part.layers):
        if is_source(layer) or wanted.intersection(layer.top):
            kept.append(layer)
            wanted.difference_update(set(layer.top) - set(layer.bottom))
            wanted.update(layer.bottom)
    names = {id(layer) for layer in kept}
    out = tuple(layer for layer in part.layers if id(layer) not in names)
    read = {blob for layer in kept for blob in layer.bottom} | set(outputs)
    idle = {top for layer in kept if is_source(layer) for top in layer.top if top not in read}
    return Cut(tuple(reversed(kept)), (*part.left_out, *out), (), part.idle | idle)


def cut_at(network: Deployed, wanted: Sequence[str], names: Collection[str] = ()) -> Cut:
    """Return a network without the layers in `wanted` (names or types) and `names`, and all layers that need them.

    Raises UsageError if one of `wanted` does not exist.
    """
    there = {text for layer in network.layers for text in (layer.name, layer.type)}
    missing = [name for name in wanted if name not in there]
    if missing:
        raise UsageError(f"the network has no layer, nor type of layers, called {', '.join(missing)} to cut at")
    kept: list[LayerParameter] = []
    out: list[LayerParameter] = []
    lost: set[str] = set()
    for layer in network.layers:
        cut = layer.name in wanted or layer.type in wanted or layer.name in names
        if cut or lost.intersection(layer.bottom):
            out.append(layer)
            lost.update(layer.top)
        else:
            kept.append(layer)
            lost.difference_update(layer.top)
    made = {top for layer in kept if not is_source(layer) for top in layer.top}
    wanted_there = dict.fromkeys(blob for layer in out for blob in layer.bottom)
    read = {blob for layer in kept for blob in layer.bottom}
    idle = {top for layer in kept if is_source(layer) for top in layer.top if top in wanted_there and top not in read}
    ends = tuple(blob for blob in wanted_there if blob in made)
    return Cut(tuple(kept), tuple(out), ends, network.idle | idle)
