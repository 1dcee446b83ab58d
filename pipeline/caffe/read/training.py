"""Finds what a network has only for training: losses and metrics, and the layers that prepare labels."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.caffe.read.layer import PYTHON, kind
from pipeline.caffe.schema import LayerParameter

if TYPE_CHECKING:
    from pipeline.caffe.files import CaffeNet

# Types of the release and of well-known forks that compare with labels, or write files.
LEFT_OUT = frozenset(
    {
        "Accuracy",
        "ContrastiveLoss",
        "EuclideanLoss",
        "HDF5Output",
        "HingeLoss",
        "InfogainLoss",
        "MultiBoxLoss",
        "MultinomialLogisticLoss",
        "SigmoidCrossEntropyLoss",
        "SmoothL1Loss",
        "SoftmaxWithLoss",
        "TripletLoss",
    }
)
# Other such types are recognised by their names: AbsLoss, DetectionEvaluate, or RBoxLossLayer of a Python layer.
_MEASURES = re.compile(r"(Loss|Accuracy|Evaluate|Evaluation|Metric|Loss\w*MSE)(_?[Ll]ayer)?\d*$")
# Types without bottoms that provide no data.
_CONSTANTS = frozenset({"DummyData", "Parameter"})
# Types with learnt blobs. What they are computed from is data, not labels.
_LEARNING = frozenset(
    {"Bias", "BatchNorm", "BN", "Convolution", "Convolution3D", "Deconvolution", "Embed", "InnerProduct", "LSTM", "RNN"}
    | {"ConvolutionDepthwise", "DepthwiseConvolution", "LocalConvolution", "Scale"}
)


@dataclass(frozen=True, slots=True)
class Deployed:
    """A network without what only training needs.

    `layers` remain, in order; `left_out` do not. `idle` are inputs that only the latter read, such as labels.
    """

    layers: tuple[LayerParameter, ...]
    left_out: tuple[LayerParameter, ...] = ()
    idle: frozenset[str] = frozenset()


def is_source(layer: LayerParameter) -> bool:
    """Return whether a layer provides data: it has tops, but no bottoms, and is no constant."""
    return bool(layer.top) and not layer.bottom and layer.type not in _CONSTANTS


def deployed(net: CaffeNet, known: Collection[str], given: Collection[str], keep_loss: bool) -> Deployed:
    """Return a network without what only training needs; with `keep_loss`, only without layers that write files.

    `known` are the types that have readers. Blobs in `given` are inputs, so that the layers that make them are dropped.
    """
    layers = _started_at(net.net.layer, given)
    out = [layer.type == "HDF5Output" for layer in layers] if keep_loss else _Search(net, layers, known).training_only()
    kept = tuple(layer for layer, goes in zip(layers, out, strict=True) if not goes)
    left = tuple(layer for layer, goes in zip(layers, out, strict=True) if goes)
    return Deployed(kept, left, _idle(layers, kept, keep_loss))


def _idle(layers: Sequence[LayerParameter], kept: Sequence[LayerParameter], keep_loss: bool) -> frozenset[str]:
    """Return the tops of sources that no remaining layer reads, if left out layers read them or it is no Input."""
    read = {blob for layer in kept for blob in layer.bottom}
    once_read = {blob for layer in layers for blob in layer.bottom}
    sources = [(layer.type != "Input", top) for layer in kept if is_source(layer) for top in layer.top]
    unread = [(brought, top) for brought, top in sources if top not in read]
    return frozenset(top for brought, top in unread if top in once_read or (brought and read and not keep_loss))


def _started_at(layers: Sequence[LayerParameter], given: Collection[str]) -> list[LayerParameter]:
    """Return the layers with Input layers for the given blobs, without the layers that only lead to these blobs."""
    sources = {top for layer in layers if is_source(layer) for top in layer.top}
    read = {blob for layer in layers for blob in layer.bottom}
    starts = [name for name in given if name not in sources and name in read]
    if not starts:
        return list(layers)
    inputs = [LayerParameter(name=name, type="Input", top=[name]) for name in starts]
    kept = [layer for layer in layers if not any(top in starts and top not in layer.bottom for top in layer.top)]
    while True:
        still_read = {blob for layer in kept for blob in layer.bottom}
        needed = [layer for layer in kept if not layer.top or not read.intersection(layer.top) - still_read]
        if len(needed) == len(kept):
            return inputs + kept
        kept = needed


class _Search:
    """Finds the layers that only training needs, by their types and by the layers that read their tops."""

    def __init__(self, net: CaffeNet, layers: Sequence[LayerParameter], known: Collection[str]) -> None:
        self._net = net
        self._layers = layers
        self._known = known
        self._targets, self._derived = self._label_blobs()
        self._measuring = self._losses()

    def training_only(self) -> list[bool]:
        """Return for each layer whether it is left out: it measures or prepares labels, and no other layer needs it."""
        out = [False] * len(self._layers)
        readers: dict[str, list[int]] = {}  # of each blob, among the later layers
        for index in range(len(self._layers) - 1, -1, -1):
            layer = self._layers[index]
            reading = [at for top in layer.top for at in readers.pop(top, ())]  # of this blob only
            if all(out[at] for at in reading):
                out[index] = self._goes(index, bool(reading))
            for blob in layer.bottom:
                readers.setdefault(blob, []).append(index)
        return out

    def _goes(self, index: int, was_read: bool) -> bool:
        layer = self._layers[index]
        if is_source(layer) or layer.type in _CONSTANTS:
            return False
        if self._measuring[index]:
            return True
        about_labels = [self._is_label(index, blob) for blob in layer.bottom]
        if layer.type == "Silence":
            return bool(about_labels) and all(about_labels)
        if kind(layer) not in self._known and not layer.top:
            return True
        return any(about_labels) and (was_read or kind(layer) not in self._known)

    def _is_label(self, index: int, blob: str) -> bool:
        sources = self._derived[index].get(blob, frozenset())
        return bool(sources) and sources <= self._targets

    def _label_blobs(self) -> tuple[frozenset[str], list[dict[str, frozenset[str]]]]:
        """Return the tops of data layers that no learning layer depends on, and the sources of each layer's bottoms."""
        made_of: dict[str, frozenset[str]] = {}
        derived: list[dict[str, frozenset[str]]] = []
        learnt: set[str] = set()
        for layer in self._layers:
            derived.append({blob: made_of.get(blob, frozenset()) for blob in layer.bottom})
            sources = frozenset().union(*derived[-1].values())
            if layer.type in _LEARNING or layer.name in self._net.blobs:
                learnt |= sources
            for top in layer.top:
                made_of[top] = frozenset({top}) if is_source(layer) else sources
        brought = {top for layer in self._layers if is_source(layer) and layer.type != "Input" for top in layer.top}
        return frozenset(brought - learnt) if learnt else frozenset(), derived

    def _losses(self) -> list[bool]:
        """Return for each layer whether it is a loss: by its type or weight, or because all its bottoms are losses."""
        losses: set[str] = set()
        found = []
        for layer in self._layers:
            measuring = self._measures(layer) or (bool(layer.bottom) and losses.issuperset(layer.bottom))
            found.append(measuring)
            losses.difference_update(layer.top)
            if measuring:
                losses.update(layer.top[:1])  # the second of a SoftmaxWithLoss is the Softmax
        return found

    def _measures(self, layer: LayerParameter) -> bool:
        if layer.type in LEFT_OUT or (any(layer.loss_weight) and kind(layer) not in self._known):
            return True
        called = layer.python_param.layer if layer.type == PYTHON else layer.type
        return bool(layer.bottom) and _MEASURES.search(called) is not None
