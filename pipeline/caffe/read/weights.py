"""Assigns the blobs of the file of weights to parameters (Net::CopyTrainedLayersFrom, Net::AppendParam, net.cpp)."""

from __future__ import annotations

from difflib import get_close_matches
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.caffe.blobs import ABSENT, StoredBlob
from pipeline.caffe.read.fillers import filled
from pipeline.graph.budget import Budget
from pipeline.graph.values import Shape

if TYPE_CHECKING:
    from pipeline.caffe.files import CaffeNet
    from pipeline.caffe.read.layer import LayerReader

Array = np.ndarray[Any, Any]
SHOWN = 10  # faults that an error lists; similar names are sought only for these
_NEAR = 0.4  # the least similarity of a name that a fault mentions: fc8_flickr, fc8


class Weights:
    """Returns the blobs of each layer by its name, checks them, and lists what is wrong in `faults`.

    For a parameter that is missing or wrong, zeros of its shape are returned, so that further faults are found.
    """

    def __init__(self, net: CaffeNet) -> None:
        self.faults: list[str] = []
        self.notes: list[str] = []
        self.budget = Budget()
        self._blobs = {
            name: tuple(StoredBlob(array, name in net.legacy) for array in group) for name, group in net.blobs.items()
        }
        self.budget.grow("weights", sum(blob.array.nbytes for group in self._blobs.values() for blob in group))
        self._file_order = {name: place for place, name in enumerate(net.blobs)}
        self._members: dict[str, list[tuple[str, int]]] = {}
        self._owners: dict[str, tuple[str, Shape]] = {}
        self._seen: set[str] = set()
        named = {layer.name for layer in net.net.layer}
        self._strays = [name for name in net.blobs if name not in named]
        for layer in net.net.layer:
            for index, spec in enumerate(layer.param):
                if spec.name:
                    self._members.setdefault(spec.name, []).append((layer.name, index))

    def __contains__(self, layer: str) -> bool:
        return layer in self._blobs

    def count(self, layer: str) -> int:
        """Return the number of blobs that the file has for a layer."""
        return len(self._blobs.get(layer, ()))

    def _holds(self, layer: str, index: int) -> bool:
        return index < self.count(layer) and self._blobs[layer][index].array is not ABSENT

    def take(self, layer: LayerReader, *shapes: Shape, exact: bool = True) -> tuple[Array, ...]:
        """Return the parameters of a layer as views of these shapes.

        If not `exact`, a blob of another shape with as many numbers is accepted.
        """
        for shape in shapes:
            layer.check_size(shape)
        own = self._own(layer, shapes, exact)
        arrays = []
        for index, shape in enumerate(shapes):
            shared = layer.specs[index].name if index < len(layer.specs) else ""
            blob = self._shared(shared, layer, index, shape) if shared else own[index] if own else None
            if blob is None:
                blob = self._filled(layer, index, shape) if own is None else None
            if blob is None:
                self.faults.append(self._missing(layer, index, shape))
                blob = self._stand_in(shape)
            arrays.append(blob.array.reshape(shape))
        return tuple(arrays)

    def _filled(self, layer: LayerReader, index: int, shape: Shape) -> StoredBlob | None:
        """Return a parameter that the file lacks as its filler makes it; None if that is random."""
        filler = layer.filler(index)
        if filler is None:
            return None
        self.budget.check("weights", 4 * prod(shape), layer)
        array = filled(filler, shape)
        if array is None:
            return None
        said = f"{filler.type} {filler.value:g}" if filler.type == "constant" else filler.type
        self.notes.append(f"{layer}: the weights file has no parameter {index}; its filler is {said}, and taken")
        return StoredBlob(array)

    def _stand_in(self, shape: Shape) -> StoredBlob:
        """Return zeros for a parameter that is missing or wrong. They are a view, which takes no memory."""
        self.budget.grow("weights", 4 * prod(shape))
        return StoredBlob(np.broadcast_to(np.float32(0), shape))

    def _missing(self, layer: LayerReader, index: int, shape: Shape) -> str:
        filler = layer.filler(index)
        random = f", and its filler, {filler.type}, draws at random" if filler and filler.type != "constant" else ""
        near = self._near(layer.name, index, shape) if len(self.faults) < SHOWN else ""
        hint = f"; it has one for {near!r}, which is no layer here" if near else ""
        return f"{layer}: parameter {index}, of shape {shape}, is not in the weights file{random}{hint}"

    def _near(self, name: str, index: int, shape: Shape) -> str:
        """Return the layer with a similar name for which the file has a fitting blob; "" if there is none."""
        fitting = [
            stray for stray in self._strays if self._holds(stray, index) and self._blobs[stray][index].fits(shape)
        ]
        return next(iter(get_close_matches(name, fitting, n=1, cutoff=_NEAR)), "")

    def check_left(self, layer: LayerReader) -> None:
        """Record a fault if the file has blobs for a layer that took none."""
        if layer.name in self._blobs and layer.name not in self._seen:
            count = len(self._blobs[layer.name])
            self.faults.append(f"{layer}: the weights file has {count} blobs for it, and the layer takes none")

    def _own(self, layer: LayerReader, shapes: tuple[Shape, ...], exact: bool) -> tuple[StoredBlob | None, ...] | None:
        """Return the layer's own blobs, with None for those stored at another layer; None if the file has none."""
        repeated = layer.name in self._seen
        self._seen.add(layer.name)
        blobs = self._blobs.get(layer.name)
        if blobs is None:
            return None
        if repeated:
            self.faults.append(f"{layer}: another layer has this name, and Caffe gives the weights to that one only")
            return (None,) * len(shapes)
        if len(blobs) != len(shapes):
            fault = f"{layer}: the weights file has {len(blobs)} blobs for it instead of {len(shapes)}"
            self.faults.append(fault)
            return tuple(self._stand_in(shape) for shape in shapes)
        return tuple(
            None if blob.array is ABSENT else self._fitting(layer, index, blob, shape, exact)
            for index, (blob, shape) in enumerate(zip(blobs, shapes, strict=True))
        )

    def _fitting(self, layer: LayerReader, index: int, blob: StoredBlob, shape: Shape, exact: bool) -> StoredBlob:
        if blob.fits(shape) or (not exact and blob.array.size == prod(shape)):
            return blob
        found = blob.array.shape
        self.faults.append(f"{layer}: blob {index} in the weights file has the shape {found} instead of {shape}")
        return self._stand_in(shape)

    def _shared(self, name: str, layer: LayerReader, index: int, shape: Shape) -> StoredBlob | None:
        """Return a parameter that several layers share: the last one in the file, since it overwrites the others."""
        owner, owned = self._owners.setdefault(name, (layer.name, shape))
        permissive = layer.specs[index].share_mode == layer.specs[index].PERMISSIVE
        if not (prod(owned) == prod(shape) if permissive else owned == shape):
            fault = f"{layer}: parameter {name!r} has the shape {shape}, and {owned} in {owner}, which shares it"
            self.faults.append(fault)
            return self._stand_in(shape)
        sources = [(self._file_order[at], at, i) for at, i in self._members[name] if self._holds(at, i)]
        if not sources:
            return None
        _, source, place = max(sources)
        blob = self._blobs[source][place]
        if blob.array.size != prod(shape):
            found = blob.array.shape
            self.faults.append(f"{layer}: blob {place} of {source} has the shape {found} instead of {shape}")
            return self._stand_in(shape)
        return blob
