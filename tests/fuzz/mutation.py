"""Changes of a file's bytes that a reader is likely to stumble over."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

_NUMBERS = (0, 1, 2, 3, 4, 5, 7, 8, 255, 1 << 15, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1)
_DOUBLES = (0.0, -1.0, 0.5, 1e9, 2.0**31, 2.0**53, float("nan"), float("inf"), -float("inf"))
_WORDS = (b"0", b"-1", b"1e999", b"nan", b"2147483648", b"9223372036854775808", b'""', b"{", b"}", b"\x00", b"\xff")
_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 1 << 31, 1 << 63, 1 << 70, 0.5, 1e308, "", "\ud800", "..", "/", "a\0b", "x" * 300),
    *([], {}, [[]], [None], {"": 1}, [1, "a"], "nan", "inf"),
)


def mutated(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Change a file in one to four places."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        kinds = list(_OF_BYTES)
        if data[:1] in (b"{", b"["):
            kinds += [json_value] * len(kinds)
        data = random.choice(kinds)(random, data, others)
    return data


def flip(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Change some bytes that lie near each other."""
    changed = bytearray(data)
    start = random.randrange(len(data) + 1)
    for _ in range(random.choice((1, 1, 2, 8))):
        place = start + random.randrange(16)
        if place < len(changed):
            changed[place] ^= 1 << random.randrange(8)
    return bytes(changed)


def number(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Write a number at the edge of what a format can hold over some bytes."""
    place, order = random.randrange(len(data) + 1), random.choice("<>")
    if random.random() < 0.3:
        new = struct.pack(f"{order}d", random.choice(_DOUBLES))
    else:
        form = random.choice("BHIQ")
        new = struct.pack(order + form, random.choice(_NUMBERS) % (1 << 8 * struct.calcsize(form)))
    return data[:place] + new + data[place + len(new) :]


def cut(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Leave out a piece, or the end."""
    start = random.randrange(len(data) + 1)
    return data[:start] + (data[start + random.choice((1, 4, 8, 64)) :] if random.random() < 0.7 else b"")


def again(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Repeat a piece, there or elsewhere."""
    start, place = random.randrange(len(data) + 1), random.randrange(len(data) + 1)
    piece = data[start : start + random.choice((1, 8, 64, 512))] * random.choice((1, 1, 2, 16))
    return data[:place] + piece + data[place:]


def crossed(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Go on with a piece of another file."""
    other = random.choice(others)
    start, place = random.randrange(len(other) + 1), random.randrange(len(data) + 1)
    return data[:place] + other[start : start + random.choice((8, 64, 1 << 20))] + data[place:]


def word(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Put another word in the place of one."""
    words = list(re.finditer(rb"[\w.+-]+", data[: 1 << 16]))
    if not words:
        return data
    chosen = random.choice(words)
    new = random.choice((*_WORDS, random.choice(words).group()))
    return data[: chosen.start()] + new + data[chosen.end() :]


_OF_BYTES: tuple[Callable[[Random, bytes, Sequence[bytes]], bytes], ...] = (flip, number, cut, again, crossed, word)


def json_value(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Put another value in one place of a JSON document, or leave it out; the same bytes where it is none."""
    try:
        document = json.loads(data)
    except ValueError:
        return data
    places = list(_places(document))
    if not places:
        return data
    holder, key = random.choice(places)
    if random.random() < 0.2:
        del holder[key]
    else:
        holder[key] = random.choice(_VALUES)
    return json.dumps(document).encode()


def _places(value: Any) -> Any:
    found = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(found):
        yield value, key
        yield from _places(inner)
