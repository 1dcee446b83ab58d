"""Reads the objects of .t7 files, based on torchfile, but with an explicit stack, checked sizes and exact errors.

Follows torch7/File.lua, generic/Tensor.c and generic/Storage.c. The two subclasses, in binary.py and ascii.py, know how
numbers and strings are encoded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from math import copysign
from typing import TYPE_CHECKING, Any, TypeAlias

import torchfile

from pipeline.errors import InvalidInputError
from pipeline.torch7.objects import LuaFunction, LuaValue, Table
from pipeline.torch7.paths import format_path
from pipeline.torch7.payloads import PAYLOADS, Head, read_fields
from pipeline.wire.words import LONGEST

if TYPE_CHECKING:
    import numpy as np

# No real file comes near this: Torch's own writer and reader recurse, and Lua's stack ends after some thousand levels.
MAX_DEPTH = 1 << 16
MAX_VERSION = 1 << 31

# A generator that reads an object with objects inside: it yields the path step of the next object that it needs, is
# sent the value of that object, and returns the object that it has read.
Reading: TypeAlias = Generator[Any, LuaValue, LuaValue]


class DamageError(InvalidInputError):
    """A file is damaged, or cut short. `offset` is the byte where this was noticed, of `size` bytes."""

    def __init__(self, why: str, *, path: str, offset: int, size: int, cut: bool = False) -> None:
        super().__init__(
            "the file is cut short, or damaged" if cut else "the file is damaged",
            where=f"{path or 'the root object'}, byte {offset} of {size}",
            why=why,
            advice="fetch or copy it again" if cut else "",
        )
        self.offset = offset


class ObjectReader(torchfile.T7Reader, ABC):  # type: ignore[misc] # torchfile has no types
    """Reads the objects of one file from memory. Every size that the file announces is checked before it is used."""

    least_entry: int  # bytes that the key and value of a table take at least
    long_bytes: int

    def __init__(self, data: memoryview | bytes) -> None:
        super().__init__(data)
        self.position = 0
        self.end = len(data)
        self.elements = 0  # in the storages that have been read
        self.has_longs = False  # whether longs have been read; if not, their size does not matter
        self._unfinished: set[int] = set()  # objects that may not contain themselves
        self._readings: list[Reading] = []
        self._steps: list[Any] = []

    @abstractmethod
    def read_int(self) -> int:
        """Read a C int."""

    @abstractmethod
    def read_long(self) -> int:
        """Read a C long."""

    @abstractmethod
    def read_long_array(self, n: int) -> list[int]:
        """Read `n` longs."""

    @abstractmethod
    def read_double(self) -> float:
        """Read a C double."""

    @abstractmethod
    def read_bytes(self, count: int) -> bytes:
        """Read `count` raw bytes."""

    @abstractmethod
    def read_elements(self, code: str, count: int) -> np.ndarray:
        """Read `count` elements of a storage, whose numpy type is `code`."""

    def damage(self, why: str, offset: int | None = None) -> DamageError:
        """Return the error for damage in the current object, at `offset` or else at the current position."""
        place = self.position if offset is None else offset
        return DamageError(why, path=format_path(self._steps), offset=place, size=self.end)

    def shortage(self, announced: str, offset: int | None = None) -> DamageError:
        """Return the error for something that would extend beyond the end of the file."""
        place = self.position if offset is None else offset
        why = f"{announced}, {self.left} bytes are left"
        return DamageError(why, path=format_path(self._steps), offset=place, size=self.end, cut=True)

    @property
    def left(self) -> int:
        """The number of bytes that are not read yet."""
        return self.end - self.position

    def read_string(self, disable_utf8: bool = False) -> str:
        """Read a string: a length and so many bytes. Bytes that are not UTF-8 become surrogates."""
        start = self.position
        size = self.read_int()
        if size < 0 or size > self.left:
            raise self.shortage(f"a string announces {size} bytes", start)
        return self.read_bytes(size).decode("utf-8", "surrogateescape")

    def read_obj(self) -> LuaValue:
        """Read an object with everything in it, however deeply nested."""
        begun = self._begin()
        while True:
            value: LuaValue = None
            if isinstance(begun, Generator):
                self._open(begun)
            else:
                value = begun
            while self._readings:
                self._steps[-1] = None
                try:
                    self._steps[-1] = self._readings[-1].send(value)
                    break
                except StopIteration as finished:
                    value = finished.value
                    self._readings.pop()
                    self._steps.pop()
            else:
                return value
            begun = self._begin()

    def _open(self, begun: Reading) -> None:
        if len(self._readings) == MAX_DEPTH:
            raise self.damage(f"objects are nested more than {MAX_DEPTH} deep")
        self._readings.append(begun)
        self._steps.append(None)

    def _begin(self) -> LuaValue | Reading:
        """Read the tag of an object. Returns the object itself if it has no objects inside, else its generator."""
        start = self.position
        tag = self.read_int()
        if tag == torchfile.TYPE_NUMBER:
            return _number(self.read_double())
        if tag == torchfile.TYPE_STRING:
            return self.read_string()
        if tag == torchfile.TYPE_BOOLEAN:
            return self._boolean()
        if tag == torchfile.TYPE_NIL:
            return None
        if tag == torchfile.TYPE_FUNCTION:
            return self._function(None, start)
        return self._referable(tag, start)

    def _boolean(self) -> bool:
        value = self.read_int()
        if value not in (0, 1):
            raise self.damage(f"a boolean is {value}")
        return value == 1

    def _referable(self, tag: int, start: int) -> LuaValue | Reading:
        reading = _READINGS.get(tag)
        if reading is None:
            raise self.damage(f"{tag} is no type of object", start)
        index = self.read_int()
        if index in self.objects:
            known: LuaValue = self.objects[index]
            return known
        if index in self._unfinished:
            raise self.damage("an object that cannot contain itself does", start)
        return reading(self, index, start)

    def _table(self, index: int, start: int) -> Reading:
        count = self.read_int()
        if count < 0 or count * self.least_entry > self.left:
            raise self.shortage(f"a table announces {count} entries", start)
        table = self.objects[index] = Table(offset=start)
        for _ in range(count):
            place = self.position
            key = yield "key"
            if key is None or key != key:  # noqa: PLR0124 - not a number
                raise self.damage("a table's key is nil or not a number", place)
            value = yield key
            if value is not None:
                table[key] = value
        return table

    def _function(self, index: int | None, start: int) -> Reading:
        function = LuaFunction(start)
        self.read_string()
        if index is not None:
            self.objects[index] = function
        yield "upvalues"
        return function

    def _torch_object(self, index: int, start: int) -> Reading:
        version, class_name = self._class(start)
        head = Head(class_name, version, index, start)
        self._unfinished.add(index)
        value = yield from PAYLOADS.get(class_name, read_fields)(self, head)
        self._unfinished.discard(index)
        self.objects[index] = value
        return value

    def _class(self, start: int) -> tuple[int, str]:
        """Read the version and name of a class. Files from before there were versions have only the name: version 0."""
        name = self.read_string()
        version = 0
        if name.startswith("V "):
            digits = name[2:].strip()
            if not (digits.isascii() and digits.isdigit() and len(digits) < 11 and int(digits) < MAX_VERSION):
                raise self.damage(f"{name[:40]!r} is no version of a class", start)
            version, name = int(digits), self.read_string()
        if not name or "\0" in name:
            raise self.damage("an object's class has no name", start)
        if len(name) > LONGEST:
            raise self.damage(f"an object's class has a name of {len(name):,} characters", start)
        return version, name


_READINGS = {
    torchfile.TYPE_TABLE: ObjectReader._table,
    torchfile.TYPE_TORCH: ObjectReader._torch_object,
    torchfile.TYPE_RECUR_FUNCTION: ObjectReader._function,
    torchfile.LEGACY_TYPE_RECUR_FUNCTION: ObjectReader._function,
}


def _number(value: float) -> int | float:
    """Return a whole number of at most 2**53 as an int, but any other number, and -0, as a float."""
    whole = value.is_integer() and abs(value) <= 1 << 53 and (value != 0 or copysign(1, value) > 0)
    return int(value) if whole else value
