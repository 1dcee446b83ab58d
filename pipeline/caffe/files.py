"""The files of a Caffe network: a prototxt and its weights, read and written as one value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from google.protobuf.json_format import MessageToDict

from pipeline.caffe import hdf5
from pipeline.caffe.blobs import StoredBlob, layer_parts, scan_blobs, strip_blobs
from pipeline.caffe.lacking import unknown_fields
from pipeline.caffe.phase import State, in_state
from pipeline.caffe.recognition import is_hdf5
from pipeline.caffe.schema import LayerParameter, NetParameter
from pipeline.caffe.text import prototxt
from pipeline.caffe.upgrade import upgrade
from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.graph.budget import Budget
from pipeline.wire import messages, splice
from pipeline.wire.digest import Digested
from pipeline.wire.mapped import map_file, reading
from pipeline.wire.progress import Progress, no_progress

_NONE: Mapping[str, str] = MappingProxyType({})
_LAYERS = ((100, "layer"), (2, "layers"))  # the fields of a NetParameter with layers, in the current form and in V1
_TEMPLATE = re.compile(rb"\$#\w+#\$")
_FILL = "put the values in, then convert the file"
_LARGER = "--weights-format hdf5 writes the weights as HDF5, which Caffe reads at any size"


@dataclass(frozen=True, slots=True, eq=False)
class CaffeNet:
    """A network: `net`, in the current form and without blobs, and its `blobs` by the names of layers.

    `legacy` names the layers whose blobs have a legacy shape of four extents (see `StoredBlob`). A blob that the file
    has only at another layer, which shares it, is `blobs.ABSENT`. `notes` say how the files were understood.
    """

    net: NetParameter
    blobs: Mapping[str, tuple[np.ndarray[Any, Any], ...]] = field(default_factory=dict)
    legacy: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def unused(self) -> tuple[str, ...]:
        """Return the names of layers in the file of weights that the net lacks. Caffe silently ignores them."""
        return tuple(sorted(self.blobs.keys() - {layer.name for layer in self.net.layer}))


def write_pair(
    net: CaffeNet,
    prototxt_path: Path,
    caffemodel_path: Path,
    comments: Mapping[str, str] = _NONE,
    progress: Progress = no_progress,
) -> dict[str, Digested]:
    """Write a prototxt and its weights, and return their digests by name. The same network gives the same bytes.

    A caffemodel holds the name, type, bottoms, tops and blobs (shape and packed float32 data) of each layer. If the
    name of the weights ends in .h5, they are written as HDF5, which may have any size (see `hdf5.parts`, also for its
    errors). `comments` are lines to put above layers in the prototxt. Raises UnsupportedError, before anything is
    written, if the caffemodel would reach 2 GiB, and MachineError if a file cannot be written.
    """
    if caffemodel_path.suffix == ".h5":
        parts = hdf5.parts(caffemodel_path, net.net, net.blobs)
    else:
        parts = caffemodel_parts(net)
        splice.check_size(caffemodel_path.name, splice.total(parts), _LARGER)
    text = prototxt(net.net, comments)
    return {
        prototxt_path.name: splice.write(prototxt_path, [text.encode("utf-8", "backslashreplace")]),
        caffemodel_path.name: splice.write(caffemodel_path, parts, progress),
    }


def caffemodel_parts(net: CaffeNet) -> list[splice.Part]:
    """Return the parts of the caffemodel of a net. Its size is their `splice.total`."""
    names = {layer.name for layer in net.net.layer}
    if len(names) != len(net.net.layer) or not names.issuperset(net.blobs):
        raise ValueError("layers must have names of their own, and blobs must be those of layers")
    parts: list[splice.Part] = [NetParameter(name=net.net.name).SerializeToString()]
    for layer in net.net.layer:
        head = LayerParameter(name=layer.name, type=layer.type, bottom=layer.bottom, top=layer.top)
        parts += layer_parts(head.SerializeToString(deterministic=True), net.blobs.get(layer.name, ()))
    return parts


def read_pair(
    prototxt_path: Path,
    weights_path: Path | None = None,
    state: State = State(),  # noqa: B008 - frozen
) -> CaffeNet:
    """Read a network of any age, text or binary, and its weights.

    The arrays are views of the file of weights; without one, of the blobs in the file of the net itself. `state`
    selects layers, as in `phase.in_state`. Raises InvalidInputError for a file that is damaged or has no layers,
    UnsupportedError for fields that no known Caffe has.
    """
    view, net = _read_net(prototxt_path)
    with reading(prototxt_path):
        notes: list[str] = []
        net = upgrade(net)
        if not net.layer and (problems := unknown_fields(net)):
            raise UnsupportedError(problems, what=f"{prototxt_path} holds no layers")
        net = in_state(net, state, notes)
        own = {} if weights_path else scan_blobs(view)
    blobs = read_weights(weights_path, net) if weights_path else own
    return CaffeNet(
        net,
        {name: tuple(blob.array for blob in group) for name, group in blobs.items()},
        frozenset(name for name, group in blobs.items() if any(blob.legacy for blob in group)),
        tuple(notes),
    )


def selected(net: CaffeNet, layers: Sequence[LayerParameter]) -> str:
    """Return the prototxt of some layers of a network, without the fields that no known Caffe has."""
    chosen = NetParameter(name=net.net.name, layer=layers)
    for layer in chosen.layer:
        layer.ClearField("unknown")
    return prototxt(chosen)


def described(layers: Sequence[LayerParameter]) -> tuple[dict[str, Any], ...]:
    """Return layers as JSON values: name, type, blobs, and the parameters by message and field."""
    return tuple(
        {
            "layer": layer.name,
            "type": layer.type,
            "bottoms": list(layer.bottom),
            "tops": list(layer.top),
            "parameters": {
                field.name: MessageToDict(value, preserving_proto_field_name=True)
                for field, value in layer.ListFields()
                if field.name.endswith("_param")
            }
            | {unknown.path: unknown.text for unknown in layer.unknown},
        }
        for layer in layers
    )


def read_net(path: Path, note: Callable[[str], None] | None = None) -> NetParameter:
    """Read a NetParameter of any age in the current form, with the layers of all phases, without blobs.

    Fields that no known Caffe has are passed to `note`; without it, UnsupportedError is raised.
    """
    with reading(path):
        return upgrade(_read_net(path, note)[1])


def read_weights(path: Path, net: NetParameter | None = None) -> dict[str, tuple[StoredBlob, ...]]:
    """Read the blobs of each layer from a caffemodel or an HDF5 file, which is recognised by its signature.

    `net` says how many blobs a layer has if it shares its last ones, which HDF5 does not say.
    """
    view = map_file(path)
    if is_hdf5(view):
        blobs = hdf5.read_blobs(path, view)
        return hdf5.with_shared(blobs, net) if net else blobs
    with reading(path):
        return scan_blobs(view)


def _refuse_template(view: memoryview, path: Path) -> None:
    """Raise InvalidInputError for a template that a program must fill in first, as in Collective Knowledge."""
    found = _TEMPLATE.search(view)
    if found:
        word = found[0].decode("ascii")
        raise InvalidInputError(f"{path} is a template, not a network", why=f"{word} stands for a value", advice=_FILL)


def _read_net(path: Path, note: Callable[[str], None] | None = None) -> tuple[memoryview, NetParameter]:
    """Return the file of a net in binary form, and the net in it, without blobs.

    Raises OverBudget for too many layers, before they are read.
    """
    view = map_file(path)
    if is_hdf5(view):
        raise InvalidInputError(
            f"{path} holds weights in HDF5, and no layers", advice="give the prototxt of the network"
        )
    with reading(path):
        layers = sum(messages.count_parts(view, number, word=word) for number, word in _LAYERS)
        Budget().check("layers", layers, path)
    if messages.is_text(view):
        _refuse_template(view, path)
        view = memoryview(messages.parse_text(view, NetParameter, path).SerializeToString())
    with reading(path):
        net = messages.parse_binary(strip_blobs(view), NetParameter, path, note)
    return view, net
