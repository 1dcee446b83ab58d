"""Tracks blobs that share memory, and layers that overwrite in place what other layers still read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.caffe.schema import LayerParameter
    from pipeline.graph.values import Value

VIEWS = frozenset({"Split", "Reshape", "Flatten"})  # tops are other views of the bottom (Blob::ShareData)
# Types that must not compute in place (CHECK_NE in their Reshape or LayerSetUp).
FORBIDDEN_IN_PLACE = VIEWS | {"AbsVal"}
# Types that compute the same in place as elsewhere, because they read each number before they overwrite it (see their
# Forward_cpu). Eltwise writes before it reads, but in a defined way: see its reader. Other types read what they have
# already overwritten.
COMPUTED_IN_PLACE = frozenset(
    {
        "BN",
        "BNLL",
        "BatchNorm",
        "Bias",
        "Clip",
        "Dropout",
        "ELU",
        "Eltwise",
        "Exp",
        "Log",
        "MVN",
        "PReLU",
        "Power",
        "ReLU",
        "ReLU6",
        "Scale",
        "Sigmoid",
        "Softmax",
        "Swish",
        "TanH",
        "Threshold",
    }
)
FILLED_ONCE = frozenset({"DummyData", "Parameter"})  # tops that are filled once, not in each run


class Memory:
    """Tracks which blobs share memory, and which of them another layer has overwritten.

    If a layer reads an overwritten blob, then Caffe does not compute what the prototxt says.
    """

    def __init__(self, layers: Iterable[LayerParameter]) -> None:
        """Count how many of the layers of a network read each blob between one layer that writes it and the next."""
        self._shares: dict[str, set[str]] = {}
        self._spoiled: dict[str, str] = {}
        self._constants: dict[str, str] = {}
        self._written: Counter[str] = Counter()
        self._readers: Counter[tuple[str, int]] = Counter()
        written: Counter[str] = Counter()
        for layer in layers:
            self._readers.update((blob, written[blob]) for blob in layer.bottom)
            written.update(layer.top)
            weighted = [top for top, weight in zip(layer.top, layer.loss_weight, strict=False) if weight]
            self._readers.update((top, written[top]) for top in weighted)

    def fault(self, layer: LayerParameter) -> str | None:
        """Return the reason why Caffe would reject the tops of a layer; None if it accepts them (Net::AppendTop).

        A top is in place if the bottom at the same position is the same blob, and no other layer reads that blob: if
        several do, Caffe gives each of them a copy (net.cpp, insert_splits.cpp).
        """
        earlier: set[str] = set()
        for position, top in enumerate(layer.top):
            if (top in earlier or self._written[top]) and not self._in_place(layer, position):
                if top not in layer.bottom:
                    return f"{top!r} is already the top of another layer"
                return f"{top!r} is a bottom that it cannot write in place: others read it, or it stands elsewhere"
            earlier.add(top)
        if layer.type in FORBIDDEN_IN_PLACE and self._rewritten(layer):
            return f"{layer.type} does not compute in place"
        return None

    def refusal(self, layer: LayerParameter) -> str | None:
        """Return the reason why the result of a layer in place is undefined; None if it is the same as elsewhere."""
        if _leaves_alone(layer):
            return None
        for top in self._rewritten(layer):
            if layer.type not in COMPUTED_IN_PLACE:
                return f"its top {top!r} is its bottom: what Caffe computes then depends on how memory is laid out"
            makers = [self._constants[blob] for blob in self._shares.get(top, ()) if blob in self._constants]
            if makers:
                return f"it overwrites in place what {makers[0]} fills only once: each run of Caffe gives other numbers"
        return None

    def run(self, layer: LayerParameter, bottoms: tuple[Value, ...]) -> None:
        """Record what a layer with these bottoms does to the memory of its tops."""
        rewritten = self._rewritten(layer)
        self._written.update(layer.top)
        for top in layer.top:
            if top in rewritten:
                if not _leaves_alone(layer):
                    others = self._shares.get(top, set()) - {top}
                    self._spoiled |= dict.fromkeys(others, f"{layer.name} ({layer.type})")
                continue
            self._shares.get(top, set()).discard(top)
            self._spoiled.pop(top, None)
            self._shares[top] = {top}
            if layer.type in FILLED_ONCE:
                self._constants[top] = f"{layer.name} ({layer.type})"
        for one, other in _shared(layer, bottoms):
            group = self._shares.setdefault(one, {one})
            group.add(other)
            self._shares[other] = group

    def spoiled_by(self, blob: str) -> str | None:
        """Return the layer that overwrote a blob through another blob; None if none did."""
        return self._spoiled.get(blob)

    def _rewritten(self, layer: LayerParameter) -> list[str]:
        """Return the tops that are written in place."""
        return [top for position, top in enumerate(layer.top) if self._in_place(layer, position)]

    def _in_place(self, layer: LayerParameter, position: int) -> bool:
        blob = layer.top[position]
        same = position < len(layer.bottom) and layer.bottom[position] == blob
        return same and self._readers[blob, self._written[blob]] == 1


def _is_view(layer: LayerParameter) -> bool:
    """Return whether the tops share the memory of the bottom: for some types always, for others if nothing moves."""
    if layer.type in VIEWS:
        return True
    if layer.type == "Permute":
        order = layer.permute_param.order
        return list(order) == list(range(len(order)))
    return layer.type in {"Concat", "Slice"} and len(layer.bottom) == len(layer.top) == 1


def _leaves_alone(layer: LayerParameter) -> bool:
    """Return whether a layer changes nothing in place. Dropout does not in the TEST phase."""
    return layer.type == "Dropout" or _is_view(layer)


def _shared(layer: LayerParameter, bottoms: tuple[Value, ...]) -> list[tuple[str, str]]:
    """Return the pairs of blobs that share memory because of a layer."""
    if layer.bottom and _is_view(layer):
        return [(layer.bottom[0], top) for top in layer.top]
    # For a single step, the sequence of states h is the last state h (LSTMLayer::FillUnrolledNet).
    if layer.type == "LSTM" and len(layer.top) > 1 and bottoms and bottoms[0].shape[:1] == (1,):
        return [(layer.top[0], layer.top[1])]
    return []
