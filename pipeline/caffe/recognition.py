"""Recognises Caffe's files by their contents."""

from __future__ import annotations

import re

from pipeline.errors import InvalidInputError
from pipeline.wire.foreign import hdf5_of_others

_HEAD = 1 << 16  # bytes by which a prototxt is recognised
# Only spaces of the line itself, because `\s*` would scan all following empty lines from each of them.
_LAYERS = re.compile(rb"^[^\S\n]*+(layers?\s*\{|input\s*:|input_dim\s*:)|\A(\s|#[^\n]*\n)*name\s*:", re.MULTILINE)
_OPERATORS = re.compile(rb"^[^\S\n]*+(op\s*\{|external_input\s*:)", re.MULTILINE)  # in the text of another framework
_HDF5 = b"\x89HDF\r\n\x1a\n"
_LAYER, _V1_LAYER = 100, 2  # the fields of a NetParameter with layers


def recognise(view: memoryview) -> str:
    """Return "prototxt" for layers in text form, "caffemodel" for a binary net or weights in HDF5, else ""."""
    head = bytes(view[:_HEAD])
    if is_hdf5(view):
        return "" if hdf5_of_others(head) else "caffemodel"
    if b"\0" not in head and _LAYERS.search(head) and not _OPERATORS.search(head):
        return "prototxt"
    return "caffemodel" if _is_net(view) else ""


def is_hdf5(view: memoryview) -> bool:
    """Return whether this is an HDF5 file, by its signature."""
    return bytes(view[: len(_HDF5)]) == _HDF5


def _is_net(view: memoryview) -> bool:
    """Return whether this is a binary NetParameter, by the fields of its first layer.

    A layer of the old form V1 has its type as a number in field 5. The operators of a Caffe2 net, which are in field 2,
    too, do not.
    """
    from pipeline.wire.scan import LENGTH_DELIMITED, VARINT, fields, number_at

    end = 0
    try:
        for field in fields(view, 0, len(view)):
            end = field.end
            if field.number == _LAYER:
                return True
            if field.number == _V1_LAYER and field.wire_type == LENGTH_DELIMITED:
                inner = {(part.number, part.wire_type) for part in fields(view, field.start, field.end)}
                return (5, VARINT) in inner or not inner & {(1, LENGTH_DELIMITED), (4, LENGTH_DELIMITED)}
    except InvalidInputError:
        return number_at(view, end) == _LAYER  # the file ends in this field
    return False
