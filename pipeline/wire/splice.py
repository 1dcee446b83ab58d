"""Protobuf messages written around weights: small parts as bytes, weights straight from where they lie.

The size of everything is known before the first byte is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import MachineError, Problem, UnsupportedError
from pipeline.wire.scan import LENGTH_DELIMITED

CHUNK = 8 << 20  # bytes converted at once
LIMIT = 1 << 31  # protobuf's sizes are signed 32-bit numbers: Caffe and Caffe2 read one byte less than this


@dataclass(frozen=True, slots=True, eq=False)
class Floats:
    """Stands for the little-endian float32 bytes of `array`, in C order, whatever its dtype and strides."""

    array: np.ndarray[Any, Any]

    def __len__(self) -> int:
        return self.array.size * 4


Part = bytes | Floats


def varint(value: int) -> bytes:
    """Encode a number; a negative one as its 64-bit two's complement, as protobuf does."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def packed_varints(values: Iterable[int]) -> bytes:
    """Encode the payload of a packed field of integers (shapes, indices)."""
    return b"".join(map(varint, values))


def length_delimited(number: int, size: int) -> bytes:
    """Give the tag and length that precede `size` bytes of a string, message or packed field."""
    return varint(number << 3 | LENGTH_DELIMITED) + varint(size)


def message(number: int, parts: Sequence[Part]) -> list[Part]:
    """Wrap `parts` as the message in field `number`."""
    return [length_delimited(number, total(parts)), *parts]


def total(parts: Iterable[Part]) -> int:
    """Give the bytes that `parts` will take in the file."""
    return sum(map(len, parts))


def check_size(name: str, size: int, advice: str = "") -> None:
    """Refuse a message that readers of protobuf cannot load: UnsupportedError naming its size in bytes."""
    if size >= LIMIT:
        reason = f"{size:,} bytes, and a protobuf message must stay under {LIMIT:,} bytes (2 GiB)"
        raise UnsupportedError((Problem(name, reason, advice),), what=f"{name} would be too large")


def write(path: Path, parts: Iterable[Part]) -> None:
    """Write `parts` to a new file: contiguous float32 memory as it is, other arrays 8 MiB at a time.

    Raises MachineError where the disk is full or the place cannot be written.
    """
    try:
        with path.open("wb") as file:
            for part in parts:
                for chunk in (part,) if isinstance(part, bytes) else float_bytes(part.array):
                    file.write(chunk)
    except OSError as error:
        raise MachineError(f"{path} cannot be written", why=error.strerror or str(error)) from error


def float_bytes(array: np.ndarray[Any, Any]) -> Iterator[memoryview]:
    """Give an array's numbers as little-endian float32 bytes, without a copy where that is what it holds.

    A converted chunk is good until the next one is asked for.
    """
    if not array.size:
        return
    if array.dtype == np.dtype("<f4") and array.flags.c_contiguous:
        yield array.reshape(-1).view(np.uint8).data
        return
    chunks = np.nditer(
        array,
        flags=["external_loop", "buffered"],
        order="C",
        op_dtypes=["<f4"],
        casting="same_kind",
        buffersize=CHUNK // 4,
    )
    with np.errstate(over="ignore"):  # a double beyond float32 becomes inf, as in Caffe itself
        for chunk in chunks:
            yield np.ascontiguousarray(chunk).view(np.uint8).data
