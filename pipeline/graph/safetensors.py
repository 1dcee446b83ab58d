"""Reads and writes safetensors files: a length, a JSON header, the bytes (https://github.com/huggingface/safetensors).

Tensors are written without a second copy in memory, and read as views of the mapped file. Such a file cannot contain
code, and nothing in it is trusted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from pipeline.errors import InvalidInputError
from pipeline.wire.digest import Digested
from pipeline.wire.mapped import map_file, reading
from pipeline.wire.progress import Progress, no_progress
from pipeline.wire.shapes import possible
from pipeline.wire.splice import Floats, Part, write

Array = np.ndarray[Any, Any]
HEADER_LIMIT = 100_000_000  # as the reference implementation
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8"}


def write_tensors(
    path: Path,
    tensors: Mapping[str, Array],
    progress: Progress = no_progress,
    metadata: Mapping[str, str] = MappingProxyType({}),
) -> Digested:
    """Write arrays, floats as F32 and integers as I64, and return the digest and size of the file.

    The same arrays and `metadata` give the same bytes. The header lists the arrays in order; the bytes of integers come
    first, so that all are aligned. Raises MachineError if the file cannot be written.
    """
    stored = sorted(tensors, key=lambda name: _is_float(tensors[name]))
    offsets, offset = {}, 0
    for name in stored:
        end = offset + tensors[name].size * (4 if _is_float(tensors[name]) else 8)
        offsets[name] = [offset, end]
        offset = end
    entries: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    entries |= {
        name: {
            "dtype": "F32" if _is_float(array) else "I64",
            "shape": list(array.shape),
            "data_offsets": offsets[name],
        }
        for name, array in tensors.items()
    }
    header = json.dumps(entries, separators=(",", ":")).encode("ascii")
    header += b" " * (-len(header) % 8)
    return write(path, _parts(header, [tensors[name] for name in stored]), progress)


def _is_float(array: Array) -> bool:
    return bool(array.dtype.kind == "f")


def _parts(header: bytes, arrays: list[Array]) -> Iterator[Part]:
    yield len(header).to_bytes(8, "little") + header
    for array in arrays:
        yield Floats(array) if _is_float(array) else array.astype("<i8").tobytes()


def read_tensors(path: Path) -> dict[str, Array]:
    """Return the tensors of a file as read-only views, in the order of its header.

    Raises InvalidInputError if the file is not a valid safetensors file of numbers.
    """
    with reading(path):
        view = map_file(path)
        if len(view) < 8:
            _damaged("it is shorter than 8 bytes")
        length = int.from_bytes(view[:8], "little")
        if length > min(HEADER_LIMIT, len(view) - 8):
            _damaged(f"a header of {length} bytes does not fit a file of {len(view)}")
        entries = parse_json(view[8 : 8 + length])
        if not isinstance(entries, dict):
            _damaged("its header is not an object")
        entries.pop("__metadata__", None)
        data = view[8 + length :]
        tensors = {name: _tensor(name, entry, data) for name, entry in entries.items()}
        _check_layout([entry["data_offsets"] for entry in entries.values()], len(data))
        return tensors


def parse_json(text: memoryview) -> Any:  # noqa: ANN401 - any JSON value
    """Parse untrusted JSON in UTF-8. Raises InvalidInputError if it is invalid, or has a key twice."""
    try:
        written = bytes(text).decode("utf-8")
        found = json.loads(written, object_pairs_hook=_unique)
        if "\\u" in written:
            json.dumps(found, ensure_ascii=False).encode("utf-8")  # else it spells what is no text, lone surrogates
        return found
    except (ValueError, RecursionError) as error:
        raise InvalidInputError("the file is damaged", why=f"it is not sound JSON: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def is_shape(value: object) -> bool:
    """Return whether parsed JSON is a shape: a list of sizes."""
    return isinstance(value, list) and all(type(size) is int and 0 <= size < 2**63 for size in value)


def _tensor(name: str, entry: Any, data: memoryview) -> Array:  # noqa: ANN401 - parsed JSON
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        _damaged(f"the entry of {name!r} is not dtype, shape and data_offsets")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in DTYPES:
        _damaged(f"{name!r} has dtype {entry['dtype']!r}, not one of {', '.join(DTYPES)}")
    if not (is_shape(shape) and possible(shape) and is_shape(offsets) and len(offsets) == 2):
        _damaged(f"{name!r} has shape {shape!r} and offsets {offsets!r}")
    dtype, count, (start, end) = np.dtype(DTYPES[entry["dtype"]]), math.prod(shape), offsets
    if not (start <= end <= len(data) and end - start == count * dtype.itemsize):
        _damaged(f"{name!r} of shape {shape} does not take bytes {start} to {end} of {len(data)}")
    return np.frombuffer(data[start:end], dtype, count).reshape(shape)


def _check_layout(offsets: list[list[int]], size: int) -> None:
    """Raise InvalidInputError unless the tensors follow each other without overlaps or gaps, as the format demands."""
    expected = 0
    for start, end in sorted(offsets):
        if start != expected:
            _damaged(f"bytes {expected} to {start} belong to no tensor, or to two")
        expected = end
    if expected != size:
        _damaged(f"bytes {expected} to {size} belong to no tensor")


def _damaged(why: str) -> NoReturn:
    raise InvalidInputError("the file is damaged", why=why)
