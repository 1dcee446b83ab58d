"""The text form of a network for Caffe 1.0, with comments that say where layers come from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from google.protobuf import text_format

from pipeline.caffe.schema import NetParameter

_NONE: Mapping[str, str] = MappingProxyType({})


def prototxt(net: NetParameter, comments: Mapping[str, str] = _NONE) -> str:
    """Return a net as text. `comments` are lines to put above layers, by their names."""
    head = NetParameter()
    head.CopyFrom(net)
    head.ClearField("layer")
    blocks = [text_format.MessageToString(head, as_utf8=True)]
    for layer in net.layer:
        body = text_format.MessageToString(layer, as_utf8=True, indent=2)
        blocks.append(_comment(comments.get(layer.name)) + "layer {\n" + body + "}\n")
    return "".join(blocks)


def _comment(comment: str | None) -> str:
    if not comment:
        return ""
    # After a line break, the rest of a comment would be read as fields.
    line = "".join(letter if letter.isprintable() else " " for letter in comment)
    return f"# {line}\n"
