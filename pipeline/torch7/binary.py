"""Torch7's binary encoding: ints of 4 bytes, longs of 8 or 4, doubles, in either byte order."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

import numpy as np

from pipeline.torch7.decoding import ObjectReader

if TYPE_CHECKING:
    from typing import Literal


class BinaryReader(ObjectReader):
    """Reads binary files. Storages are views of the mapped file."""

    least_entry = 12  # a boolean's tag and value, a nil's tag

    def __init__(self, data: memoryview, long_bytes: Literal[4, 8] = 8, byte_order: Literal["<", ">"] = "<") -> None:
        super().__init__(data)
        self.long_bytes = long_bytes
        self.byte_order = byte_order
        self._long_code = "q" if long_bytes == 8 else "i"
        self._int, self._long = Struct(byte_order + "i"), Struct(byte_order + self._long_code)
        self._double = Struct(byte_order + "d")

    def _take(self, size: int) -> int:
        """Move past `size` bytes, and return the offset at which they begin."""
        start = self.position
        if size > self.end - start:
            raise self.shortage(f"the file ends: {size} bytes are needed")
        self.position = start + size
        return start

    def read_int(self) -> int:
        """Read a C int."""
        value: int = self._int.unpack_from(self.f, self._take(4))[0]
        return value

    def read_long(self) -> int:
        """Read a C long, which has the size that it had on the machine that wrote the file."""
        self.has_longs = True
        value: int = self._long.unpack_from(self.f, self._take(self.long_bytes))[0]
        return value

    def read_long_array(self, n: int) -> list[int]:
        """Read `n` longs."""
        self.has_longs = True
        start = self._take(n * self.long_bytes)
        return list(Struct(f"{self.byte_order}{n}{self._long_code}").unpack_from(self.f, start))

    def read_double(self) -> float:
        """Read a C double."""
        value: float = self._double.unpack_from(self.f, self._take(8))[0]
        return value

    def read_bytes(self, count: int) -> bytes:
        """Return a copy of `count` bytes."""
        start = self._take(count)
        return bytes(self.f[start : start + count])

    def read_elements(self, code: str, count: int) -> np.ndarray:
        """Return a view of `count` numbers."""
        dtype = np.dtype(f"{self.byte_order}i{self.long_bytes}" if code == "i8" else self.byte_order + code)
        start = self.position
        if count * dtype.itemsize > self.left:
            raise self.shortage(f"a storage announces {count} elements of {dtype.itemsize} bytes")
        self.position += count * dtype.itemsize
        return np.frombuffer(self.f, dtype, count, start) if count else np.empty(0, dtype)
