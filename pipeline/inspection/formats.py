"""Telling by its content what a file is: a Torch7 file, a graph, or a network of Caffe or Caffe2."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.errors import InvalidInputError, MachineError
from pipeline.wire.mapped import map_file
from pipeline.wire.scan import fields

HEAD = 1 << 16
_OPERATORS = re.compile(rb"^\s*(op\s*\{|external_input\s*:)", re.MULTILINE)
_LAYERS = re.compile(rb"^\s*(layers?\s*\{|input\s*:|input_dim\s*:|name\s*:)", re.MULTILINE)
_VARINT = 0


def recognise(path: Path) -> str:
    """Say "folder", "graph", "t7", "prototxt", "caffemodel", "hdf5" or "netdef".

    A file that is none of the others is taken for a Torch7 file, whose reader says what is wrong with it.
    Raises MachineError where there is nothing to read.
    """
    if path.is_dir():
        return "folder"
    try:
        view = map_file(path)
    except OSError as error:
        raise MachineError(f"{path} cannot be read", why=error.strerror or str(error)) from error
    head = bytes(view[:HEAD])
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "hdf5"
    if head.startswith(b'{"') or (head.lstrip().startswith(b"{") and b'"nodes"' in head):
        return "graph"
    if b"\0" not in head and _OPERATORS.search(head):
        return "netdef"
    if b"\0" not in head and _LAYERS.search(head):
        return "prototxt"
    return _binary(view)


def _binary(view: memoryview) -> str:
    """Tell a NetParameter from a NetDef by the fields of its first layer or operator."""
    try:
        for field in fields(view, 0, len(view)):
            if field.number == 100:
                return "caffemodel"
            if field.number == 2 and field.wire_type == 2:
                inner = {(part.number, part.wire_type) for part in fields(view, field.start, field.end)}
                return "caffemodel" if (5, _VARINT) in inner or not inner & {(1, 2), (4, 2)} else "netdef"
    except InvalidInputError:
        return "t7"
    return "t7"
