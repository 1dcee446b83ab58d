"""The weights in the bytes of a caffemodel: read as views of the mapped file, written without a copy.

Follows StoredBlob::FromProto (blob.cpp) and Net::CopyTrainedLayersFrom (net.cpp).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, NoReturn

import numpy as np

from pipeline.caffe.schema import BlobProto
from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.graph.budget import Budget
from pipeline.wire import scan
from pipeline.wire.scan import Field, fields
from pipeline.wire.shapes import possible
from pipeline.wire.splice import Floats, Part, length_delimited, message, packed_varints
from pipeline.wire.strip import Dropped, strip

Array = np.ndarray[Any, Any]

# Stands for a blob that this layer shares with another one: HDF5 has it only at the layer that owns it.
ABSENT: Array = np.zeros(0, np.float32)

# Field numbers of caffe.proto.
_LAYER, _V1_LAYER, _V0_LAYER = 100, 2, 1
_NAME, _BLOBS = 1, 7
_V1_NAME, _V1_BLOBS = 4, 6
_V0_NAME, _V0_BLOBS = 1, 50
_SHAPE, _DIM, _DATA, _DOUBLE_DATA, _LEGACY = 7, 1, 5, 8, (1, 2, 3, 4)
_RAW_TYPE, _RAW_DATA = 10, 12
_LONG = 1024  # bytes of a shape; Caffe takes 32 extents, of at most 11 bytes each
# The types of raw_data (BlobProto.Type) that weights may have.
_RAW_DTYPES = {BlobProto.DOUBLE: "<f8", BlobProto.FLOAT: "<f4", BlobProto.FLOAT16: "<f2"}

# The fields with blobs, without which a net is parsed.
_WITHOUT_BLOBS: Dropped = {
    _LAYER: {_BLOBS: None},
    _V1_LAYER: {_V1_BLOBS: None, _V0_LAYER: {_V0_BLOBS: None}},
}


@dataclass(frozen=True, slots=True, eq=False)
class StoredBlob:
    """The numbers of a parameter, and whether it has a legacy shape, which always has four extents.

    A legacy shape stands for every shape that equals it except for ones in front: the weights of an InnerProduct are
    (1, 1, M, N), its bias is (1, 1, 1, M).
    """

    array: Array
    legacy: bool = False

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Return whether Caffe accepts the blob for a parameter of this shape (Blob::ShapeEquals, blob.cpp)."""
        if self.legacy and len(shape) <= 4:
            shape = (1,) * (4 - len(shape)) + shape
        return bool(self.array.shape == shape)


def scan_blobs(view: memoryview) -> dict[str, tuple[StoredBlob, ...]]:
    """Return the blobs of every layer that has some, by name, in the order of the file.

    Reads the current form, V1 and V0. Of two layers with the same name the last counts, as in Caffe. Raises
    InvalidInputError with the layer and the byte offset, OverBudget for too many blobs of one layer.
    """
    found: dict[str, tuple[StoredBlob, ...]] = {}
    forms = set()
    for field in fields(view, 0, len(view)):
        if field.number not in (_LAYER, _V1_LAYER):
            continue
        forms.add(field.number)
        name, blobs = (_layer if field.number == _LAYER else _v1_layer)(view, field)
        Budget().check("values", len(blobs), f"layer {name!r}")
        if blobs:
            found.pop(name, None)
            found[name] = tuple(_blob(view, blob, name) for blob in blobs)
    if len(forms) == 2:
        raise InvalidInputError("the file mixes layers of the current form and of the V1 form")
    return found


def strip_blobs(view: memoryview) -> bytes:
    """Return a binary NetParameter without the blobs of its layers, which is small enough to parse."""
    return strip(view, _WITHOUT_BLOBS)


def blob_parts(array: Array) -> list[Part]:
    """Return the parts of a BlobProto: packed float data, then the shape, in protobuf's own order."""
    floats = Floats(array)
    data: list[Part] = [length_delimited(_DATA, len(floats)), floats] if len(floats) else []
    dims = packed_varints(array.shape)
    shape: list[Part] = [length_delimited(_DIM, len(dims)), dims] if dims else []
    return [*data, *message(_SHAPE, shape)]


def layer_parts(head: bytes, blobs: tuple[Array, ...]) -> list[Part]:
    """Return the parts of the field of a NetParameter for one layer: its serialised `head`, then its blobs."""
    parts: list[Part] = [head]
    for blob in blobs:
        parts += message(_BLOBS, blob_parts(blob))
    return message(_LAYER, parts)


def _layer(view: memoryview, layer: Field) -> tuple[str, list[Field]]:
    return _named(view, layer, _NAME, _BLOBS)


def _v1_layer(view: memoryview, layer: Field) -> tuple[str, list[Field]]:
    name, blobs = _named(view, layer, _V1_NAME, _V1_BLOBS)
    for field in scan.inside(view, layer):
        if field.number == _V0_LAYER:
            name, blobs = _named(view, field, _V0_NAME, _V0_BLOBS)
    return name, blobs


def _named(view: memoryview, layer: Field, name_number: int, blobs_number: int) -> tuple[str, list[Field]]:
    name, blobs = "", []
    for field in scan.inside(view, layer):
        if field.number == name_number:
            name = scan.text(view, field)
        elif field.number == blobs_number:
            blobs.append(field)
    return name, blobs


def _blob(view: memoryview, blob: Field, layer: str) -> StoredBlob:
    parts: dict[int, list[Field]] = {}
    for field in scan.inside(view, blob):
        parts.setdefault(field.number, []).append(field)
    shape, legacy = _shape(view, parts, blob, layer)
    doubles = scan.numbers(view, parts.get(_DOUBLE_DATA, ()), "<f8")
    if _RAW_DATA in parts:
        data = _raw(view, parts, layer)
    else:
        data = doubles if doubles.size else scan.numbers(view, parts.get(_DATA, ()), "<f4")
    if data.size != prod(shape):
        _refuse(blob, layer, f"{data.size} numbers for a blob of shape {shape}")
    return StoredBlob(data.reshape(shape), legacy)


def _raw(view: memoryview, parts: Mapping[int, list[Field]], layer: str) -> Array:
    """Return the numbers in raw_data, in which NVIDIA's fork writes weights since 0.16, and OpenCV half precision."""
    kind = parts[_RAW_TYPE][-1].value if _RAW_TYPE in parts else BlobProto.DOUBLE
    if kind not in _RAW_DTYPES:
        raise UnsupportedError.one(f"layer {layer}", f"raw_data of type {kind} is none of double, float and half")
    data = scan.numbers(view, parts[_RAW_DATA], _RAW_DTYPES[BlobProto.Type.ValueType(kind)])
    return data.astype(np.float32) if kind == BlobProto.FLOAT16 else data


def _shape(view: memoryview, parts: Mapping[int, list[Field]], blob: Field, layer: str) -> tuple[tuple[int, ...], bool]:
    legacy = any(number in parts for number in _LEGACY)
    if legacy:
        shape = tuple(_int32(parts[number][-1].value) if number in parts else 0 for number in _LEGACY)
    elif sum(message.value for message in parts.get(_SHAPE, ())) > _LONG:
        _refuse(blob, layer, f"a blob whose shape takes more than {_LONG} bytes")
    else:  # Caffe writes no shape for a scalar
        dims = [dim for message in parts.get(_SHAPE, ()) for dim in scan.inside(view, message) if dim.number == _DIM]
        shape = tuple(scan.integers(view, dims).tolist())
    if not possible(shape):
        _refuse(blob, layer, f"a blob of shape {shape}")
    return shape, legacy


def _int32(value: int) -> int:
    return (value & 0xFFFF_FFFF ^ 0x8000_0000) - 0x8000_0000


def _refuse(blob: Field, layer: str, why: str) -> NoReturn:
    raise InvalidInputError(
        "the weights are damaged, or not those of a Caffe network",
        where=f"layer {layer!r}, byte {blob.start}",
        why=why,
    )
