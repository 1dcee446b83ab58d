"""Removes the fields of weights from messages, so that they are small enough to parse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.wire import scan
from pipeline.wire.scan import fields
from pipeline.wire.splice import length_delimited

Dropped = Mapping[int, Any]  # by field number: None to drop the field, or what to drop from the message in it


def strip(view: memoryview, dropped: Dropped) -> bytes:
    """Return a binary message without the fields in `dropped`. All others are copied unchanged.

    Raises InvalidInputError if the bytes are not a message.
    """
    return b"".join(_kept(view, 0, len(view), dropped))


def _kept(view: memoryview, start: int, end: int, dropped: Dropped) -> Iterator[bytes]:
    at = start
    for field in fields(view, start, end):
        if field.number not in dropped:
            yield bytes(view[at : field.end])
        elif dropped[field.number] is not None:
            scan.payload(view, field)
            inner = b"".join(_kept(view, field.start, field.end, dropped[field.number]))
            yield length_delimited(field.number, len(inner)) + inner
        at = field.end
