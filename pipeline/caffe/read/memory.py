"""Blobs that lie in one memory: what a layer writes in place, Caffe shows in all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.caffe.schema import LayerParameter

SHARING = frozenset({"Split", "Reshape", "Flatten"})  # tops are other views of the bottom (Blob::ShareData)
LEAVING_ALONE = frozenset({"Dropout"})  # in the TEST phase


class Memory:
    """Follows which blobs share memory, and which of them hold what another layer has written over.

    A network whose layers read such a blob computes in Caffe something other than what its prototxt says.
    """

    def __init__(self) -> None:
        self._shares: dict[str, set[str]] = {}
        self._spoiled: dict[str, str] = {}

    def run(self, layer: LayerParameter) -> None:
        """Take note of what a layer does to the memory of its tops."""
        for top in layer.top:
            if top in layer.bottom:
                if layer.type not in LEAVING_ALONE:
                    others = self._shares.get(top, set()) - {top}
                    self._spoiled |= dict.fromkeys(others, f"{layer.name} ({layer.type})")
                continue
            self._shares.get(top, set()).discard(top)
            self._spoiled.pop(top, None)
            single = (layer.type, len(layer.bottom), len(layer.top)) in {("Concat", 1, 1), ("Slice", 1, 1)}
            if layer.bottom and (layer.type in SHARING or single):
                group = self._shares.setdefault(layer.bottom[0], {layer.bottom[0]})
                group.add(top)
                self._shares[top] = group
            else:
                self._shares[top] = {top}

    def spoiled_by(self, blob: str) -> str | None:
        """Name the layer that wrote over a blob by way of another one, None where none did."""
        return self._spoiled.get(blob)
