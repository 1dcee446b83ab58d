"""Reads a .t7 file of any encoding: binary of both byte orders with longs of 8 or 4 bytes, or ascii."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline.errors import InvalidInputError
from pipeline.torch7.objects import LuaValue
from pipeline.wire.foreign import foreign
from pipeline.wire.mapped import map_file, reading

if TYPE_CHECKING:
    from pipeline.torch7.decoding import ObjectReader

_ASCII_START = re.compile(rb"[0-8][ \n]")
_WANTED = "give a .t7 file (saved by Torch7's torch.save), or a prototxt with --weights"
_LAST_TAG = 8
_BYTE_ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")


@dataclass(frozen=True, slots=True)
class Encoding:
    """How numbers are encoded in a file. The byte order and the size of longs do not apply to ascii."""

    mode: Literal["binary", "ascii"]
    byte_order: Literal["<", ">"] = "<"
    long_bytes: Literal[4, 8] = 8

    def __str__(self) -> str:
        if self.mode == "ascii":
            return "ascii"
        return f"binary, {'little' if self.byte_order == '<' else 'big'} endian, {self.long_bytes}-byte longs"


@dataclass(frozen=True, slots=True)
class TorchFile:
    """A file: its first object (Torch reads no further), its encoding, and its size in bytes.

    `trailing` is the number of bytes after the first object.
    """

    root: LuaValue
    encoding: Encoding
    size: int
    trailing: int


def load(path: Path) -> LuaValue:
    """Return the object in a .t7 file. Raises as `read_file`."""
    return read_file(path).root


def read_file(path: Path) -> TorchFile:
    """Read a .t7 file, and find out its encoding.

    Raises InvalidInputError for a damaged file or one of another format, UsageError if there is no file, MachineError
    if it cannot be read.
    """
    path = Path(path)
    data = map_file(path)
    with reading(path):
        return read_bytes(data)


def read_bytes(data: memoryview) -> TorchFile:
    """Read the bytes of a .t7 file from memory, which the tensors keep alive. Raises as `read_file`."""
    damages: list[InvalidInputError] = []
    for encoding in _candidates(data):
        reader = _reader(data, encoding)
        try:
            root = reader.read_obj()
        except InvalidInputError as damage:
            damages.append(damage)
            if not reader.has_longs:
                break
            continue
        if root is None and reader.left:
            raise _not_torch(data)  # four zero bytes are a nil, and any file may begin with them
        if not damages or _is_evident(reader):
            return TorchFile(root, encoding, len(data), reader.left)
    raise max(damages, key=lambda damage: getattr(damage, "offset", 0))


def _is_evident(reader: ObjectReader) -> bool:
    """Return whether a second encoding really explains the file, so that a damaged file is not read by chance."""
    return reader.left == 0 or reader.elements > 0


def _candidates(data: memoryview) -> tuple[Encoding, ...]:
    head = bytes(data[:4])
    if _ASCII_START.match(head):
        return (Encoding("ascii"),)
    if len(data) > 4 and not any(data[:64]) and not any(data[64:]):
        raise InvalidInputError(
            "this is not a Torch7 file but only zero bytes",
            why="an unfinished download or copy looks so",
            advice="fetch or copy it again",
        )
    for order in _BYTE_ORDERS:
        if head and int.from_bytes(head, order) <= _LAST_TAG:
            mark: Literal["<", ">"] = "<" if order == "little" else ">"
            return Encoding("binary", mark, 8), Encoding("binary", mark, 4)
    raise _not_torch(data)


def _not_torch(data: memoryview) -> InvalidInputError:
    found = foreign(data)
    if found is not None:
        return InvalidInputError(f"this is not a Torch7 file but {found.name}", advice=found.advice or _WANTED)
    return InvalidInputError(
        "this is not a Torch7 file",
        why=f"it begins with the bytes {bytes(data[:8]).hex(' ')}",
        advice=_WANTED,
    )


def _reader(data: memoryview, encoding: Encoding) -> ObjectReader:
    # torchfile and numpy are imported only when a file is read, so that the command line starts fast.
    from pipeline.torch7.ascii import AsciiReader
    from pipeline.torch7.binary import BinaryReader

    if encoding.mode == "ascii":
        return AsciiReader(bytes(data))
    return BinaryReader(data, encoding.long_bytes, encoding.byte_order)
