"""Torch7's ascii encoding (TH/THDiskFile.c): numbers apart by spaces, strings and bytes raw."""

from __future__ import annotations

import re
import warnings

import numpy as np

from pipeline.torch7.decoding import ObjectReader

_INTEGER = re.compile(rb"[ \t-\r]*([+-]?[0-9]{1,19})(?=[ \t-\r]|\Z)")
_REAL = re.compile(
    rb"[ \t-\r]*([+-]?(?:[0-9]{1,400}\.?[0-9]{0,400}(?:e[+-]?[0-9]{1,9})?|inf|infinity|nan))(?=[ \t-\r]|\Z)",
    re.IGNORECASE,
)
_WORD = re.compile(rb"[ \t-\r]*[^ \t-\r]{1,400}")
_LONGEST_NUMBER = 32  # characters; %.17g needs 24


class AsciiReader(ObjectReader):
    """Reads from bytes; storages of numbers are parsed as a whole, storages of characters are views."""

    least_entry = 5  # "5 1 0", were the last newline missing
    long_bytes = 8

    def _number(self, pattern: re.Pattern[bytes], kind: str) -> bytes:
        found = pattern.match(self.f, self.position)
        if found is None:
            seen = self.f[self.position : self.position + 20].strip()
            raise self.damage(f"{kind} is expected, not {seen!r}" if seen else "the file ends")
        self.position = found.end()
        return found[1]

    def _end_line(self) -> None:
        if self.f[self.position : self.position + 1] == b"\n":
            self.position += 1

    def read_int(self) -> int:
        """Read an int and the newline behind it."""
        value = int(self._number(_INTEGER, "a whole number"))
        self._end_line()
        return value

    read_long = read_int

    def read_long_array(self, n: int) -> list[int]:
        """Read `n` longs on a line."""
        values = [int(self._number(_INTEGER, "a whole number")) for _ in range(n)]
        if n:
            self._end_line()
        return values

    def read_double(self) -> float:
        """Read a number and the newline behind it."""
        value = float(self._number(_REAL, "a number"))
        self._end_line()
        return value

    def read_bytes(self, count: int) -> bytes:
        """Take `count` raw bytes and the newline behind them."""
        if count > self.left:
            raise self.damage(f"the file ends: {count} bytes are needed, {self.left} are left")
        start = self.position
        self.position += count
        if count:
            self._end_line()
        data: bytes = self.f[start : start + count]
        return data

    def read_elements(self, code: str, count: int) -> np.ndarray:
        """Parse `count` numbers, or view as many characters."""
        dtype = np.dtype(code)
        if count == 0:
            return np.empty(0, dtype)
        if (2 * count - 1 > self.left and dtype.itemsize > 1) or count > self.left:
            raise self.damage(f"a storage announces {count} elements, {self.left} bytes are left")
        if dtype.itemsize == 1:
            start = self.position
            self.read_bytes(count)
            return np.frombuffer(self.f, dtype, count, start)
        return self._parsed(dtype, count)

    def _parsed(self, dtype: np.dtype[np.generic], count: int) -> np.ndarray:
        start, stop = self.position, self._end_of_numbers(count)
        exact = np.dtype(np.float64 if dtype.kind == "f" else np.int64)
        parsed_as = dtype if dtype.char in "fd" else exact
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # what numpy does not understand is but a DeprecationWarning
                values = np.fromstring(self.f[start:stop], parsed_as, count, sep=" ")
                narrowed = values if parsed_as == dtype else values.astype(dtype)
        except (ValueError, DeprecationWarning, RuntimeWarning) as error:
            raise self.damage(f"a storage of {count} numbers holds something else", start) from error
        if len(values) != count:
            raise self.damage(f"a storage announces {count} elements, {len(values)} are there", start)
        if dtype.kind == "i" and not np.array_equal(narrowed, values):
            raise self.damage(f"a storage of {dtype} holds a number beyond its range", start)
        self.position = stop
        self._end_line()
        return narrowed

    def _end_of_numbers(self, count: int) -> int:
        """Find where `count` words end: Torch writes them on one line; elsewhere they are counted."""
        start = self.position
        stop = self.f.find(b"\n", start, start + count * _LONGEST_NUMBER)
        stop = self.end if stop < 0 else stop
        if self.f.count(b" ", start, stop) == count - 1:
            return stop
        stop = start
        for _ in range(count):
            word = _WORD.match(self.f, stop)
            if word is None:
                raise self.damage(f"a storage announces {count} elements, the file ends before", start)
            stop = word.end()
        return stop
