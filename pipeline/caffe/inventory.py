"""The inventory of a Caffe network: the layers of a prototxt, with or without weights, or of a weights file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.graph.inventory import Inventory, Measure, Part, count, measured, peak_bytes

if TYPE_CHECKING:
    import numpy as np
    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

    from pipeline.caffe.files import CaffeNet
    from pipeline.caffe.schema import LayerParameter
    from pipeline.graph.values import Graph, Shape

    Array = np.ndarray[Any, Any]

_NOT_ATTRIBUTES = frozenset({"name", "type", "bottom", "top", "blobs", "unknown"})


def inventory(prototxt: Path, weights: Path | None, inputs: Sequence[str] = ()) -> Inventory:
    """List the layers of the TEST phase. Without weights, parameters are counted by the shapes that they must have.

    `inputs` replace shapes of the prototxt. There is a note on what cannot be read. Raises as `files.read_pair`.
    """
    from pipeline.caffe import files
    from pipeline.caffe.read import outline
    from pipeline.caffe.read.given import input_shapes

    net = files.read_pair(prototxt, weights)
    graph, notes = outline(net, input_shapes(net, inputs))
    measures = measured(graph, lambda node: node.origin.path)
    parts = tuple(_part(layer, net.blobs.get(layer.name, ()), measures) for layer in net.net.layer)
    complete = all(part.measure for part in parts if part.outputs)
    return Inventory(
        f"Caffe network {net.net.name or prototxt.name}",
        "caffe",
        "layers",
        parts,
        _inputs(net, graph),
        tuple(value.name for value in graph.outputs),
        notes if weights or net.blobs else (*notes, "no weights were given; what they hold is not known"),
        peak_bytes(graph) if complete else None,
    )


def blobs(path: Path) -> Inventory:
    """List the layers in a file of weights. A caffemodel has their types and connections, too, HDF5 only names."""
    from pipeline.caffe import files
    from pipeline.caffe.recognition import is_hdf5
    from pipeline.wire.mapped import map_file

    title = f"Caffe weights in {path.name}"
    if is_hdf5(map_file(path)):
        held = {name: tuple(blob.array for blob in group) for name, group in files.read_weights(path).items()}
        parts = tuple(Part(name, "", weights=_numbered(group), parameters=count(group)) for name, group in held.items())
        return Inventory(title, "hdf5", "layers with weights", parts)
    notes: tuple[str, ...] = ()
    try:
        net = files.read_pair(path)
    except (InvalidInputError, UnsupportedError):
        net, notes = _as_it_is(path)
    layers = tuple(_part(layer, net.blobs.get(layer.name, ()), {}) for layer in net.net.layer)
    return Inventory(title, "caffemodel", "layers", layers, notes=notes)


def _as_it_is(path: Path) -> tuple[CaffeNet, tuple[str, ...]]:
    """Return a net with the layers of all phases, and notes on its unknown fields."""
    from pipeline.caffe import files

    held, notes = files.read_weights(path), list[str]()
    arrays = {name: tuple(blob.array for blob in group) for name, group in held.items()}
    return files.CaffeNet(files.read_net(path, notes.append), arrays), tuple(notes)


def _part(layer: LayerParameter, arrays: Sequence[Array], measures: Mapping[str, Measure]) -> Part:
    measure = measures.get(layer.name)
    if measure is None and not layer.bottom and len(layer.top) == 1:
        measure = measures.get(layer.top[0])  # an input of the network
    if measure and set(layer.top) <= set(layer.bottom):
        measure = replace(measure, activation_bytes=0)  # computed in place
    weights = _numbered(arrays)
    complete = len(weights) == len(arrays) > 0  # HDF5 lacks blobs that a layer shares with an earlier one
    parameters = count(arrays) if complete or measure is None else measure.parameters
    tops, bottoms = tuple(layer.top), tuple(layer.bottom)
    path = tuple(layer.name.split("/"))
    attributes = dict(_attributes(layer))
    return Part(layer.name, layer.type, bottoms, tops, attributes, weights, parameters, path, measure=measure)


def _numbered(arrays: Sequence[Array]) -> dict[str, Array]:
    """Return blobs by name, which is their index, as in Caffe."""
    from pipeline.caffe.blobs import ABSENT

    return {str(index): array for index, array in enumerate(arrays) if array is not ABSENT}


def _inputs(net: CaffeNet, graph: Graph) -> dict[str, Shape | None]:
    from pipeline.caffe.read import inputs

    known = {value.name: value.shape for value in graph.inputs}
    return {name: known.get(name) for name in inputs(net)}


def _attributes(layer: LayerParameter) -> Iterator[tuple[str, Any]]:
    """Yield the fields that a prototxt sets, with names such as `convolution_param.num_output`.

    Fields that the schema lacks are included, as they were written.
    """
    for name, value in _plain(layer).items():
        if name in _NOT_ATTRIBUTES:
            continue
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", content) for inner, content in value.items())
        else:
            yield name, value
    yield from ((field.path, field.text) for field in layer.unknown)


def _plain(message: Message) -> dict[str, Any]:
    """Return the fields that a message sets, with enums by name."""
    return {
        field.name: [_value(field, item) for item in value] if _repeated(value) else _value(field, value)
        for field, value in message.ListFields()
    }


def _repeated(value: Any) -> bool:  # noqa: ANN401 - any field
    return hasattr(value, "extend")


def _value(field: FieldDescriptor, value: Any) -> Any:  # noqa: ANN401 - any field
    if field.message_type is not None:
        return _plain(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
