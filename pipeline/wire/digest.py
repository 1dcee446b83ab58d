"""Digests of files by BLAKE3, which is computed about as fast as memory is read.

https://github.com/BLAKE3-team/BLAKE3-specs. `b3sum` computes the same. SHA-256 would take four times as long, and
twenty times on processors without instructions for it, which is as long as the whole rest of a conversion.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from pipeline.wire import plain

_BLOCK = 16 << 20  # bytes read and digested at once; large, to rarely wait for the interpreter lock


class Digested(NamedTuple):
    """The digest and the size, in bytes, of what was written to a file: the file itself may be cut afterwards."""

    blake3: str
    size: int


def digest(chunks: Iterable[bytes | memoryview]) -> str:
    """Return the digest of consecutive chunks of bytes, as 64 hexadecimal digits."""
    found = blake3()
    for chunk in chunks:
        found.update(chunk)
    return found.hexdigest()


def file_digest(path: Path) -> str:
    """Return the digest of a file. Raises OSError, also for anything that is not a file."""
    return digest(_blocks(path))


def _blocks(path: Path) -> Iterator[memoryview]:
    """Yield the bytes of a file in blocks. Each block is valid until the next one is requested."""
    with plain.opened(path) as stream:
        block = memoryview(bytearray(min(_BLOCK, os.fstat(stream.fileno()).st_size + 1)))
        while size := stream.readinto(block):  # type: ignore[attr-defined]
            yield block[:size]
