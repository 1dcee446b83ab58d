"""A network's text form, for Caffe 1.0 and for people: a comment above a layer says where it is from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from google.protobuf import text_format

from pipeline.caffe.schema import NetParameter

_NONE: Mapping[str, str] = MappingProxyType({})


def prototxt(net: NetParameter, comments: Mapping[str, str] = _NONE) -> str:
    """Write a net as text; `comments` gives a line to put above a layer, by the layer's name."""
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
    # A line break in a comment would let the rest of it be read as fields.
    line = "".join(letter if letter.isprintable() else " " for letter in comment)
    return f"# {line}\n"
