"""The weights in the bytes of a model: read as views of the mapped file, written without a copy.

A weight is a TensorProto, an initializer of the graph. Its numbers are little-endian bytes in `raw_data`, or in a file
beside the model that `external_data` names (https://onnx.ai/onnx/repo-docs/ExternalData.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import InvalidInputError, Problem, UnsupportedError
from pipeline.onnx.schema import StringStringEntryProto, TensorProto
from pipeline.wire import scan
from pipeline.wire.mapped import map_file
from pipeline.wire.scan import Field, fields
from pipeline.wire.shapes import possible
from pipeline.wire.splice import Floats, Part, length_delimited, message

Array = np.ndarray[Any, Any]

# Field numbers of onnx.proto.
_GRAPH, INITIALIZER = 7, 5
_DIMS, _TYPE, _NAME, _RAW, _EXTERNAL, _LOCATION = 1, 2, 8, 9, 13, 14
_KEY, _VALUE = 1, 2
_FLOATS, _INTEGERS, _DOUBLES = 4, 7, 10
_KNOWN = {_DIMS, _TYPE, _NAME, _RAW, _EXTERNAL, _LOCATION, _FLOATS, _INTEGERS, _DOUBLES}

TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}
_NUMBERS = {  # the numpy type of the bytes, by data_type
    TensorProto.FLOAT: "<f4",
    TensorProto.DOUBLE: "<f8",
    TensorProto.FLOAT16: "<f2",
    TensorProto.INT64: "<i8",
    TensorProto.INT32: "<i4",
}

WITHOUT_WEIGHTS = {_GRAPH: {INITIALIZER: None}}


def numbers(array: Array) -> Part:
    """Return the bytes of a weight: as float32 for any floats, int64 for integers."""
    return Floats(array) if array.dtype.kind == "f" else np.ascontiguousarray(array, "<i8").tobytes()


def inside(name: str, array: Array) -> list[Part]:
    """Return the field of a GraphProto for a weight with its numbers."""
    held = numbers(array)
    return message(INITIALIZER, [_head(name, array).SerializeToString(), length_delimited(_RAW, len(held)), held])


def outside(name: str, array: Array, file: str, offset: int) -> list[Part]:
    """Return the field of a GraphProto for a weight whose numbers are in another file, at an offset."""
    place = {"location": file, "offset": str(offset), "length": str(len(numbers(array)))}
    tensor = _head(name, array)
    tensor.external_data.extend(StringStringEntryProto(key=key, value=value) for key, value in place.items())
    tensor.data_location = TensorProto.EXTERNAL
    return message(INITIALIZER, [tensor.SerializeToString()])


def _head(name: str, array: Array) -> TensorProto:
    dtype = "float32" if array.dtype.kind == "f" else "int64"
    return TensorProto(dims=array.shape, data_type=TYPES[dtype], name=name)


class Beside(dict[str, memoryview]):
    """The files beside a model, each of which is mapped when it is first used."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def __missing__(self, name: str) -> memoryview:
        if not name or "\0" in name or Path(name).name != name:
            raise InvalidInputError(f"the model names the file {name!r}, which is not beside it")
        self[name] = map_file(self.folder / name)
        return self[name]


def scan_weights(view: memoryview, folder: Path) -> dict[str, Array]:
    """Return the weights of a model in the order of the file. `folder` contains the files that it refers to.

    Raises InvalidInputError for a damaged file, or one that refers to files outside of the folder, UnsupportedError
    with every weight of an unknown element type.
    """
    found: dict[str, Array] = {}
    problems: list[Problem] = []
    beside = Beside(folder)
    for graph in (field for field in fields(view, 0, len(view)) if field.number == _GRAPH):
        for field in scan.inside(view, graph):
            if field.number == INITIALIZER:
                try:
                    name, array = _weight(view, field, beside)
                except UnsupportedError as error:
                    problems += error.problems
                    continue
                if name in found:
                    raise _damaged(field, f"two weights are called {name!r}")
                found[name] = array
    if problems:
        raise UnsupportedError(tuple(problems))
    return found


def _weight(view: memoryview, tensor: Field, beside: Beside) -> tuple[str, Array]:
    parts: dict[int, list[Field]] = {}
    for part in scan.inside(view, tensor):
        parts.setdefault(part.number, []).append(part)
    name = scan.text(view, parts[_NAME][-1]) if _NAME in parts else ""
    shape = tuple(scan.integers(view, parts.get(_DIMS, [])).tolist())
    if not possible(shape):
        raise _damaged(tensor, f"{name!r} of shape {shape}")
    kind = parts[_TYPE][-1].value if _TYPE in parts else 0
    dtype = _NUMBERS.get(kind)  # type: ignore[call-overload]  # an enum's numbers are ints
    if dtype is None or parts.keys() - _KNOWN:
        known = {number: word for word, number in TensorProto.DataType.items()}.get(kind, f"type {kind}")  # type: ignore[call-overload]
        raise UnsupportedError.one(f"initializer {name}", f"its numbers are {known}, or in a form that is not known")
    values = _values(view, parts, dtype, beside)
    if values.size != prod(shape):
        raise _damaged(tensor, f"{values.size} numbers for {name!r} of shape {shape}")
    return name, values.reshape(shape)


def _values(view: memoryview, parts: Mapping[int, list[Field]], dtype: str, beside: Beside) -> Array:
    if _LOCATION in parts and parts[_LOCATION][-1].value == TensorProto.EXTERNAL:
        return _external(view, parts.get(_EXTERNAL, []), dtype, beside)
    if _RAW in parts:
        raw = scan.payload(view, parts[_RAW][-1])
        if len(raw) % np.dtype(dtype).itemsize:
            raise _damaged(parts[_RAW][-1], f"{len(raw)} bytes of {dtype} numbers")
        return np.frombuffer(raw, dtype)
    if dtype == "<i8":
        return scan.integers(view, parts.get(_INTEGERS, []))
    return scan.numbers(view, parts.get(_DOUBLES if dtype == "<f8" else _FLOATS, []), dtype)


def _external(view: memoryview, entries: list[Field], dtype: str, beside: Beside) -> Array:
    place: dict[str, str] = {}
    for entry in entries:
        words = {part.number: scan.text(view, part) for part in scan.inside(view, entry)}
        place[words.get(_KEY, "")] = words.get(_VALUE, "")
    file = place.get("location", "")
    data = beside[file]
    try:
        offset = int(place.get("offset", "0"))
        length = int(place["length"]) if "length" in place else len(data) - offset
        if not 0 <= offset <= offset + length <= len(data):
            raise ValueError(f"{len(data)} bytes are there")
        return np.frombuffer(data[offset : offset + length], dtype)
    except ValueError as error:
        raise InvalidInputError(f"{file} does not hold the numbers {place} of the model", why=str(error)) from error


def _damaged(field: Field, why: str) -> InvalidInputError:
    return InvalidInputError("the model's weights are damaged", where=f"byte {field.start}", why=why)
