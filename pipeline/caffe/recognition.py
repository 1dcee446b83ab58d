"""Recognises Caffe's files by their contents."""

from __future__ import annotations

import re

from pipeline.errors import InvalidInputError
from pipeline.wire.foreign import hdf5_of_others

_HEAD = 1 << 16  # bytes at the start of a prototxt by which it is recognised
# Spaces within the line only: `\s*` would scan over all empty lines from each of them.
_LAYERS = re.compile(rb"^[^\S\n]*+(layers?\s*\{|input\s*:|input_dim\s*:)|\A(\s|#[^\n]*\n)*name\s*:", re.MULTILINE)
_OPERATORS = re.compile(rb"^[^\S\n]*+(op\s*\{|external_input\s*:)", re.MULTILINE)  # of another framework's text
_HDF5 = b"\x89HDF\r\n\x1a\n"
_LAYER, _V1_LAYER = 100, 2  # the fields of a NetParameter that hold layers


def recognise(view: memoryview) -> str:
    """Return "prototxt" for layers as text, "caffemodel" for a binary net or weights in HDF5, "" for other files."""
    head = bytes(view[:_HEAD])
    if is_hdf5(view):
        return "" if hdf5_of_others(head) else "caffemodel"
    if b"\0" not in head and _LAYERS.search(head) and not _OPERATORS.search(head):
        return "prototxt"
    return "caffemodel" if _is_net(view) else ""


def is_hdf5(view: memoryview) -> bool:
    """Return whether a file has the signature of HDF5, as Caffe does."""
    return bytes(view[: len(_HDF5)]) == _HDF5


def _is_net(view: memoryview) -> bool:
    """Recognise a binary NetParameter by the fields of its first layer. An old one has its type as a number, at 5."""
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
        return number_at(view, end) == _LAYER  # the layer is incomplete at the end of the file
    return False
