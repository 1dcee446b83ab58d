"""Writes protobuf messages with large weights: small parts as bytes, weights directly from their memory or file.

All sizes are known before the first byte is written, and the digest is known with the last one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import SEEK_END, BufferedWriter
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import MachineError, Problem, UnsupportedError
from pipeline.wire.digest import Digested, digest
from pipeline.wire.kernel import LARGE, copy_range, synced
from pipeline.wire.mapped import MappedFile
from pipeline.wire.progress import Progress, no_progress
from pipeline.wire.scan import LENGTH_DELIMITED

CHUNK = 8 << 20  # bytes converted at once
STEP = 32 << 20  # bytes written between two reports of progress
LIMIT = 1 << 31  # bytes; protobuf's sizes are signed 32-bit numbers, so Caffe and Caffe2 read at most one byte less


@dataclass(frozen=True, slots=True, eq=False)
class Floats:
    """Stands for the little-endian float32 bytes of `array`, in C order, whatever its dtype and strides."""

    array: np.ndarray[Any, Any]

    def __len__(self) -> int:
        return self.array.size * 4


Part = bytes | Floats


def varint(value: int) -> bytes:
    """Return a number as a varint. As in protobuf, a negative number is encoded as its 64-bit two's complement."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def packed_varints(values: Iterable[int]) -> bytes:
    """Return the payload of a packed field of integers (shapes, indices)."""
    return b"".join(map(varint, values))


def length_delimited(number: int, size: int) -> bytes:
    """Return the tag and length that precede `size` bytes of a string, message or packed field."""
    return varint(number << 3 | LENGTH_DELIMITED) + varint(size)


def message(number: int, parts: Sequence[Part]) -> list[Part]:
    """Return `parts` as the message in field `number`, with consecutive bytes joined to one part."""
    joined: list[Part] = [length_delimited(number, total(parts))]
    for part in parts:
        if isinstance(part, bytes) and isinstance(joined[-1], bytes):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def total(parts: Iterable[Part]) -> int:
    """Return the size of `parts` in the file, in bytes."""
    return sum(map(len, parts))


def check_size(name: str, size: int, advice: str = "") -> None:
    """Raise UnsupportedError if a message is too large for readers of protobuf."""
    if size >= LIMIT:
        reason = f"{size:,} bytes, and a protobuf message must stay under {LIMIT:,} bytes (2 GiB)"
        raise UnsupportedError((Problem(name, reason, advice),), what=f"{name} would be too large")


def write(path: Path, parts: Iterable[Part], progress: Progress = no_progress) -> Digested:
    """Write `parts` to a new file and return their digest and size. A large file is synced to disk.

    Arrays in a mapped file are copied by the kernel, other contiguous float32 arrays are written directly, and all
    others are converted 8 MiB at a time. A second thread computes the digest meanwhile, and a third one syncs the file.
    Raises MachineError if the disk is full or the file cannot be written.
    """
    parts = list(parts)
    size = total(parts)
    try:
        with path.open("wb") as file:
            if size < LARGE:
                file.writelines(_chunks(parts))
                return Digested(digest(_chunks(parts)), size)
            with ThreadPoolExecutor(1) as beside, synced(file):
                found = beside.submit(digest, _chunks(parts))
                done = 0
                for part in parts:
                    for more in _append(file, part):
                        done += more
                        progress(done, size, "bytes")
            return Digested(found.result(), size)
    except OSError as error:
        raise MachineError(f"{path} cannot be written", why=error.strerror or str(error)) from error


def _chunks(parts: Iterable[Part]) -> Iterator[bytes | memoryview]:
    """Yield the bytes of `parts` in chunks. Each chunk is valid until the next one is requested."""
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            yield from float_bytes(part.array)


def _append(file: BufferedWriter, part: Part) -> Iterator[int]:
    """Append a part, and yield the number of bytes written in each step."""
    if isinstance(part, bytes):
        yield file.write(part)
        return
    copied = 0
    if len(part) >= LARGE and _is_written_as_it_lies(part.array):
        for more in _copied(file, part.array):
            copied += more
            yield more
    for chunk in float_bytes(part.array):
        for start in range(copied, len(chunk), STEP):
            yield file.write(chunk[start : start + STEP])


def _copied(file: BufferedWriter, array: np.ndarray[Any, Any]) -> Iterator[int]:
    """Let the kernel append an array in a mapped file, or its beginning, and yield the number of bytes in each step."""
    source = _mapped(array)
    if source is None:
        return
    start = array.__array_interface__["data"][0] - np.frombuffer(source, np.uint8).__array_interface__["data"][0]
    file.flush()
    copied = 0
    while copied < array.nbytes:
        size = min(STEP, array.nbytes - copied)
        more = copy_range(source.descriptor, file.fileno(), start + copied, size)
        copied += more
        yield more
        if more < size:
            break
    file.seek(0, SEEK_END)


def _mapped(array: np.ndarray[Any, Any]) -> MappedFile | None:
    """Return the mapped file that an array is a view of; None if it is in other memory."""
    owner: object = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    owner = owner.obj if isinstance(owner, memoryview) else owner
    return owner if isinstance(owner, MappedFile) else None


def float_bytes(array: np.ndarray[Any, Any]) -> Iterator[memoryview]:
    """Yield the numbers of an array as little-endian float32 bytes, without a copy if it holds just that.

    A converted chunk is valid until the next one is requested.
    """
    if not array.size:
        return
    if _is_written_as_it_lies(array):
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


def _is_written_as_it_lies(array: np.ndarray[Any, Any]) -> bool:
    return bool(array.dtype == np.dtype("<f4") and array.flags.c_contiguous)
