"""Pairs of files that are a Caffe network: a prototxt and its weights, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.caffe import hdf5
from pipeline.caffe.blobs import Blob, layer_parts, scan_blobs, strip_blobs
from pipeline.caffe.text import prototxt
from pipeline.wire import messages, splice
from pipeline.wire.mapped import map_file, reading

if TYPE_CHECKING:
    from pipeline.caffe.schema import NetParameter

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class CaffeNet:
    """A network: `net`, of the current form, whose layers hold no blobs, and `blobs` by layer name.

    `legacy` names the layers whose blobs have the legacy shape of four extents (see `Blob.fits`).
    """

    net: NetParameter
    blobs: Mapping[str, tuple[np.ndarray[Any, Any], ...]] = field(default_factory=dict)
    legacy: frozenset[str] = frozenset()


def write_pair(
    net: CaffeNet, prototxt_path: Path, caffemodel_path: Path, comments: Mapping[str, str] = _NONE
) -> None:
    """Write a prototxt and a caffemodel; the same network gives the same bytes.

    The caffemodel holds each layer's name, type, bottoms, tops and blobs (shape and packed float32 data).
    `comments` gives a line to put above a layer in the prototxt. Raises UnsupportedError before anything is
    written where the caffemodel would reach 2 GiB, MachineError where the disk refuses.
    """
    parts = caffemodel_parts(net)
    splice.check_size(caffemodel_path.name, splice.total(parts))
    text = prototxt(net.net, comments)
    splice.write(prototxt_path, [text.encode("utf-8", "backslashreplace")])
    splice.write(caffemodel_path, parts)


def caffemodel_parts(net: CaffeNet) -> list[splice.Part]:
    """Give the parts of the caffemodel of a net; its size is `splice.total` of them."""
    from pipeline.caffe.schema import LayerParameter, NetParameter

    names = {layer.name for layer in net.net.layer}
    if len(names) != len(net.net.layer) or not names.issuperset(net.blobs):
        raise ValueError("layers must have names of their own, and blobs must be those of layers")
    parts: list[splice.Part] = [NetParameter(name=net.net.name).SerializeToString()]
    for layer in net.net.layer:
        head = LayerParameter(name=layer.name, type=layer.type, bottom=layer.bottom, top=layer.top)
        parts += layer_parts(head.SerializeToString(deterministic=True), net.blobs.get(layer.name, ()))
    return parts


def read_pair(prototxt_path: Path, weights_path: Path | None = None) -> CaffeNet:
    """Read a network: text or binary, of any age, and a caffemodel or HDF5 file, which its arrays view.

    Without `weights_path` the blobs are those inside the net's own file, which a binary one may hold.
    Raises InvalidInputError for a damaged file, UnsupportedError for fields that no known Caffe has.
    """
    net = read_net(prototxt_path)
    blobs = read_weights(weights_path or prototxt_path) if weights_path or not _is_text(prototxt_path) else {}
    return CaffeNet(
        net,
        {name: tuple(blob.array for blob in group) for name, group in blobs.items()},
        frozenset(name for name, group in blobs.items() if any(blob.legacy for blob in group)),
    )


def read_net(path: Path) -> NetParameter:
    """Read a NetParameter without blobs, from text or binary, as the current form."""
    from pipeline.caffe.schema import NetParameter

    view = map_file(path)
    with reading(path):
        if messages.is_text(view):
            net = messages.parse_text(view, NetParameter, path)
        else:
            net = messages.parse_binary(strip_blobs(view), NetParameter, path)
    return net


def read_weights(path: Path) -> dict[str, tuple[Blob, ...]]:
    """Read the blobs of each layer from a caffemodel or, told by its signature, an HDF5 file."""
    view = map_file(path)
    if hdf5.is_hdf5(view):
        return hdf5.read_blobs(path, view)
    with reading(path):
        return scan_blobs(view)


def _is_text(path: Path) -> bool:
    return messages.is_text(map_file(path))
