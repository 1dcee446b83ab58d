"""Recognises Caffe's files by their contents."""

from __future__ import annotations

import re

from pipeline.wire.foreign import hdf5_of_others
from pipeline.wire.words import CONTROL

_HEAD = 1 << 16  # bytes by which a prototxt is recognised
# Only spaces of the line itself, because `\s*` would scan all following empty lines from each of them.
_LAYERS = re.compile(rb"^[^\S\n]*+(layers?\s*\{|input\s*:|input_dim\s*:)|\A(\s|#[^\n]*\n)*name\s*:", re.MULTILINE)
_OPERATORS = re.compile(rb"^[^\S\n]*+(op\s*\{|external_input\s*:)", re.MULTILINE)  # in the text of another framework
_HDF5 = b"\x89HDF\r\n\x1a\n"
_NAME, _LAYER, _V1_LAYER = 1, 100, 2  # the fields of a NetParameter that hold its name, and layers


def recognise(view: memoryview) -> str:
    """Return "prototxt" for layers in text form, "caffemodel" for a binary net or weights in HDF5, else ""."""
    head = bytes(view[:_HEAD])
    if is_hdf5(view):
        return "" if hdf5_of_others(head) else "caffemodel"
    if not CONTROL.search(head) and _LAYERS.search(head) and not _OPERATORS.search(head):
        return "prototxt"
    return "caffemodel" if _is_net(view) else ""


def is_hdf5(view: memoryview) -> bool:
    """Return whether this is an HDF5 file, by its signature."""
    return bytes(view[: len(_HDF5)]) == _HDF5


def _is_net(view: memoryview) -> bool:
    """Tell a binary NetParameter by its first layer: an old one has its type as a number, at 5.

    The oldest have a message at 1, with a name and a type, where an operator of Caffe2 has a blob.
    """
    from pipeline.wire.scan import LENGTH_DELIMITED, VARINT, first_of, kinds

    first = first_of(view, _LAYER, _V1_LAYER, name=_NAME)
    if first is None or first.number == _LAYER:
        return first is not None
    layer = view[first.start : first.end]
    oldest = first_of(layer, 1)
    is_oldest = oldest is not None and kinds(layer, oldest) >= {(1, LENGTH_DELIMITED), (2, LENGTH_DELIMITED)}
    return is_oldest or (5, VARINT) in kinds(view, first)
