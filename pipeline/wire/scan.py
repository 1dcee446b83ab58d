"""Reads protobuf's wire format in place: finds where each field of a message is, without copying its bytes.

A message is a sequence of fields, each a tag (field number * 8 + wire type, as a varint) and a payload
(https://protobuf.dev/programming-guides/encoding). Every length is checked against the message that holds it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from pipeline.errors import InvalidInputError
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")  # to recognise a file, no array is needed

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5

_LONGEST = 10  # bytes of a varint
_WIDTH = {FIXED32: 4, FIXED64: 8}
_MOST = 1 << 18  # parts of a message; a network has fewer layers, and a blob or tensor is one part or a few
_FEW = 32  # bytes or fields; so few numbers, as in a shape, are faster to decode one by one than with numpy
_WINDOW = 1 << 20  # bytes in which the numbers of a run are decoded at once


class Field(NamedTuple):
    """One field of a message: `start` and `end` are the payload's bytes in the view.

    `value` is the number in a varint, or the length of a length-delimited field. Consecutive fixed-width fields with
    the same tag, as unpacked numbers, are a single Field: `value` is their number, `start` the first payload, and `end`
    the end of the last one. So are varints after the first few, but `value` is the last of their numbers, which counts
    if the field is not repeated.
    """

    number: int
    wire_type: int
    value: int
    start: int
    end: int


def fields(view: memoryview, start: int, end: int) -> Iterator[Field]:
    """Yield the fields of the message in view[start:end], in order.

    Raises InvalidInputError, with the byte offset, if the bytes are not a message, or one of more than 2^18 parts.
    """
    at, parts, before, alike = start, 0, 0, 0
    while at < end:
        tag_start = at
        tag, at = _varint(view, at, end)
        before, alike, parts = tag, alike + 1 if tag == before else 0, parts + 1
        number, wire_type = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            _damaged(tag_start, f"field number {number}")
        if wire_type == VARINT:
            value, after = _varint(view, at, end) if alike < _FEW else _varint_run(view, tag, at, end)
        elif wire_type == LENGTH_DELIMITED:
            value, at = _varint(view, at, end)
            after = at + value
        elif wire_type in _WIDTH:
            value = _run(view, tag_start, at, end, _WIDTH[wire_type])
            after = at + value * (at - tag_start + _WIDTH[wire_type]) - (at - tag_start)
        else:
            _damaged(tag_start, f"wire type {wire_type}")
        if after > len(view) and wire_type == LENGTH_DELIMITED:
            raise InvalidInputError(
                "the file is cut short, or not a protobuf message",
                where=f"byte {tag_start}",
                why=f"it ends at byte {len(view)}, and field {number} goes on to byte {after}",
                advice="fetch or copy it again",
            )
        if parts > _MOST:
            _damaged(tag_start, f"a message of more than {_MOST:,} parts")
        if after > end or (value == 0 and wire_type in _WIDTH):
            _damaged(tag_start, f"field {number} runs past the end of its message at byte {end}")
        yield Field(number, wire_type, value, at, after)
        at = after


def count(view: memoryview, *path: int) -> int:
    """Return the number of fields at a path of field numbers: (7, 1) counts the nodes of an ONNX model."""
    level = fields(view, 0, len(view))
    for number in path[:-1]:
        level = (inner for field in level if field.number == number for inner in inside(view, field))
    return sum(field.number == path[-1] for field in level)


def first_of(view: memoryview, *numbers: int, name: int = 0) -> Field | None:
    """Return the first field of a file that has one of these numbers, even if it is cut off by the end of the file.

    None if there is no such field or it has no length, and if the field `name` comes before it twice or is no text.
    """
    at, named = 0, False
    try:
        for field in fields(view, 0, len(view)):
            if field.number in numbers:
                return field if field.wire_type == LENGTH_DELIMITED else None
            if field.number == name:
                if named or field.wire_type != LENGTH_DELIMITED:
                    return None
                named = True
            at = field.end
        return None
    except InvalidInputError:
        return _cut(view, at, numbers)


def _cut(view: memoryview, at: int, numbers: Container[int]) -> Field | None:
    """Return what is there of a field that the file ends in, where it has a length and one of these numbers."""
    try:
        tag, at = _varint(view, at, len(view))
        value, at = _varint(view, at, len(view))
    except InvalidInputError:
        return None
    is_cut = tag >> 3 in numbers and tag & 7 == LENGTH_DELIMITED and at + value > len(view)
    return Field(tag >> 3, LENGTH_DELIMITED, value, at, len(view)) if is_cut else None


def kinds(view: memoryview, field: Field) -> set[tuple[int, int]]:
    """Return the numbers of the fields in a field, each with its wire type, as far as they are a message's."""
    found = set()
    with suppress(InvalidInputError):
        for part in inside(view, field):
            found.add((part.number, part.wire_type))
    return found


def inside(view: memoryview, field: Field) -> Iterator[Field]:
    """Return the fields of the message in a field. Raises InvalidInputError if it has another wire type."""
    payload(view, field)
    return fields(view, field.start, field.end)


def numbers(view: memoryview, found: Iterable[Field], dtype: str) -> np.ndarray[Any, Any]:
    """Return the numbers in all occurrences of a repeated `<f4` or `<f8` field, packed or not, in order.

    Fields of bytes that hold numbers of any type are read in the same way. A single packed run, which is what every
    writer makes, is a view of the file; anything else is copied once.
    """
    itemsize = np.dtype(dtype).itemsize
    runs = []
    for field in found:
        if field.wire_type == LENGTH_DELIMITED:
            if field.value % itemsize:
                _damaged(field.start, f"{field.value} bytes of packed {itemsize}-byte numbers")
            runs.append(np.frombuffer(view[field.start : field.end], dtype))
        elif _WIDTH.get(field.wire_type) == itemsize:
            runs.append(_strided(view, field, dtype))
        else:
            _damaged(field.start, f"field {field.number} holds no {itemsize}-byte numbers")
    if len(runs) == 1 and runs[0].flags.c_contiguous:
        return runs[0]
    return np.concatenate(runs) if runs else np.empty(0, dtype)


def integers(view: memoryview, found: Iterable[Field]) -> np.ndarray[Any, Any]:
    """Return the integers of a repeated int32, int64, bool or enum field, packed or not, as int64."""
    unpacked: list[int] = []
    runs: list[np.ndarray[Any, Any]] = []
    for field in found:
        if field.wire_type == VARINT and field.end - field.start == 1:
            unpacked.append(field.value)
        elif field.wire_type in (VARINT, LENGTH_DELIMITED):
            step = 2 if field.wire_type == VARINT else 1  # in a run, there is a tag between each number and the next
            runs += [np.array(unpacked, np.uint64), _packed_varints(view, field.start, field.end)[::step]]
            unpacked = []
        else:
            _damaged(field.start, f"field {field.number} holds no integers")
    runs.append(np.array(unpacked, np.uint64))
    return np.concatenate(runs).view(np.int64)


def text(view: memoryview, field: Field) -> str:
    """Return the string in a length-delimited field. Raises InvalidInputError if it is not UTF-8 text."""
    try:
        return str(payload(view, field), "utf-8")
    except UnicodeDecodeError:
        _damaged(field.start, f"field {field.number} is not UTF-8 text")


def payload(view: memoryview, field: Field) -> memoryview:
    """Return the bytes of a length-delimited field. Raises InvalidInputError if it has another wire type."""
    if field.wire_type != LENGTH_DELIMITED:
        _damaged(field.start, f"field {field.number} has wire type {field.wire_type}, not a length")
    return view[field.start : field.end]


def _varint(view: memoryview, at: int, end: int) -> tuple[int, int]:
    value = 0
    for place in range(_LONGEST):
        if at + place == end:
            _damaged(at, "a number that does not end")
        byte = view[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at + place + 1
    return _damaged(at, "a number of more than ten bytes")


def _run(view: memoryview, tag_start: int, at: int, end: int, width: int) -> int:
    """Return how many consecutive fields have the tag in view[tag_start:at] and a payload of `width` bytes."""
    step = at - tag_start + width
    possible = (end - tag_start) // step
    tag = np.frombuffer(view[tag_start:at], np.uint8)
    count, window = 0, 16
    while count < possible:
        window = min(window * 8, possible - count)
        block = np.frombuffer(view, np.uint8, window * step, tag_start + count * step).reshape(window, step)
        same = (block[:, : tag.size] == tag).all(axis=1)
        if not same.all():
            return count + int(same.argmin())
        count += window
    return count


def _varint_run(view: memoryview, tag: int, at: int, end: int) -> tuple[int, int]:
    """Return the last number of consecutive varint fields with a tag, of which the first has its number at `at`.

    And return where it ends. A number that is damaged ends the run.
    """
    value, at = _varint(view, at, end)
    window, whole = _FEW, True
    while whole and at < end:
        window = min(window * 8, _WINDOW)
        values, lengths = _varints(np.frombuffer(view, np.uint8, min(window, end - at), at))
        pairs = values.size // 2
        same = (values[: 2 * pairs : 2] == tag) & (np.maximum(lengths[: 2 * pairs : 2], lengths[1::2]) <= _LONGEST)
        whole = pairs > 0 and bool(same.all())
        if count := pairs if whole else int(same.argmin()) if pairs else 0:
            value, at = int(values[2 * count - 1]), at + int(lengths[: 2 * count].sum())
    return value, at


def _strided(view: memoryview, field: Field, dtype: str) -> np.ndarray[Any, Any]:
    width = _WIDTH[field.wire_type]
    # There is a tag between each payload and the next.
    step = width if field.value == 1 else (field.end - field.start - width) // (field.value - 1)
    return np.ndarray((field.value,), dtype, view, field.start, (step,))


def _packed_varints(view: memoryview, start: int, end: int) -> np.ndarray[Any, Any]:
    if end - start <= _FEW:
        found = []
        while start < end:
            value, start = _varint(view, start, end)
            found.append(value)
        return np.array(found, np.uint64)
    values, lengths = _varints(np.frombuffer(view[start:end], np.uint8))
    if view[end - 1] >= 0x80:
        _damaged(start, "a number that does not end")
    if lengths.max() > _LONGEST:
        _damaged(start, "a number of more than ten bytes")
    return values


def _varints(raw: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the numbers in bytes, without one that does not end, and the lengths of all in bytes."""
    last = np.flatnonzero(raw < 0x80)
    lengths = np.diff(last, prepend=-1)
    first = last + 1 - lengths
    values = np.zeros(last.size, np.uint64)
    for place in range(min(int(lengths.max(initial=0)), _LONGEST)):
        has = lengths > place
        values[has] |= (raw[first[has] + place] & np.uint8(0x7F)).astype(np.uint64) << np.uint64(7 * place)
    return values, lengths


def _damaged(offset: int, why: str) -> NoReturn:
    raise InvalidInputError("the file is damaged, or not a protobuf message", where=f"byte {offset}", why=why)
