"""Torch7's ascii encoding (TH/THDiskFile.c): numbers separated by white space, strings and bytes raw."""

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
_INTEGERS = re.compile(rb"[+-]?[0-9]{1,19}(?:[ \t-\r]+[+-]?[0-9]{1,19})*")
_SPACE = re.compile(rb"[ \n]")
_PIECE = 1 << 18
# numpy's parser of doubles is fast only for numbers with few digits. With 17 digits, the parser of long doubles in the
# C library is faster, and it restores every double that was printed with so many.
_PARSED_AS = {"f": np.float32, "d": np.longdouble, "e": np.float64}


class AsciiReader(ObjectReader):
    """Reads ascii files. Storages of numbers are parsed as a whole, storages of characters are views."""

    least_entry = 5  # "5 1 0", if the last newline is missing
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
        """Read an int and the newline after it."""
        value = int(self._number(_INTEGER, "a whole number"))
        self._end_line()
        return value

    read_long = read_int

    def read_long_array(self, n: int) -> list[int]:
        """Read `n` longs on one line."""
        values = [int(self._number(_INTEGER, "a whole number")) for _ in range(n)]
        if n:
            self._end_line()
        return values

    def read_double(self) -> float:
        """Read a number and the newline after it."""
        value = float(self._number(_REAL, "a number"))
        self._end_line()
        return value

    def read_bytes(self, count: int) -> bytes:
        """Read `count` raw bytes and the newline after them."""
        if count > self.left:
            raise self.shortage(f"the file ends: {count} bytes are needed")
        start = self.position
        self.position += count
        if count:
            self._end_line()
        data: bytes = self.f[start : start + count]
        return data

    def read_elements(self, code: str, count: int) -> np.ndarray:
        """Return `count` elements: parsed numbers, or a view of characters."""
        dtype = np.dtype(code)
        if count == 0:
            return np.empty(0, dtype)
        if (2 * count - 1 > self.left and dtype.itemsize > 1) or count > self.left:
            raise self.shortage(f"a storage announces {count} elements")
        if dtype.itemsize == 1:
            start = self.position
            self.read_bytes(count)
            return np.frombuffer(self.f, dtype, count, start)
        return self._parsed(dtype, count)

    def _parsed(self, dtype: np.dtype[np.generic], count: int) -> np.ndarray:
        start, filled = self.position, 0
        values = np.empty(count, dtype)
        while filled < count:
            numbers = self._numbers(self._piece(), dtype)
            if filled + len(numbers) > count or (len(numbers) == 0 and self.left == 0):
                there = "more" if len(numbers) else f"only {filled}"
                raise self.damage(f"a storage announces {count} elements, {there} are there", start)
            values[filled : filled + len(numbers)] = numbers
            filled += len(numbers)
        values.flags.writeable = False
        return values

    def _piece(self) -> bytes:
        """Take the rest of the line, or about 256 kB of it up to a space, so that it fits into a processor's cache."""
        start = self.position
        stop = self.f.find(b"\n", start, start + _PIECE)
        if stop < 0:
            space = _SPACE.search(self.f, start + _PIECE)
            stop = space.start() if space else self.end
        self.position = min(stop + 1, self.end)
        piece: bytes = self.f[start:stop].strip()
        return piece

    def _numbers(self, text: bytes, dtype: np.dtype[np.generic]) -> np.ndarray:
        """Return the numbers in a text."""
        if not text:  # numpy would return one number
            return np.empty(0, dtype)
        if dtype.kind == "i" and not _INTEGERS.fullmatch(text):  # numpy takes a lone sign for 0
            raise self.damage("a storage of whole numbers holds something else")
        parsed: np.ndarray
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # numpy only warns of text that it cannot parse
                parsed = np.fromstring(text, _PARSED_AS.get(dtype.char, np.int64), sep=" ")
        except (ValueError, DeprecationWarning) as error:
            raise self.damage("a storage of numbers holds something else") from error
        if dtype.kind == "i" and not np.array_equal(parsed.astype(dtype), parsed):
            raise self.damage(f"a storage of {dtype} holds a number beyond its range")
        with np.errstate(over="ignore"):  # as in C, a number too large for its type is infinite
            return parsed.astype(dtype, copy=False)
