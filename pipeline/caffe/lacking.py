"""Words what is said of a field, or of an enum's value, that the schema lacks: what it is, and what may be meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pipeline.caffe.ignored import ignored
from pipeline.errors import Problem

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from pipeline.caffe.schema import NetParameter, UnknownField

SHOWN = 60  # letters of a value that a message quotes


def shown_field(field: UnknownField) -> str:
    """Return the value of a field that the schema lacks, on one line, for a message."""
    text = " ".join(field.text.split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def refused(message: Message, unknown: UnknownField) -> tuple[str, str]:
    """Return why an unknown field of a message is refused, and its line with the name that may be meant."""
    what, name, names = _lacking(message, unknown)
    near = get_close_matches(name, names, n=1)
    hint = f"line {unknown.line}" + (f": did you mean {near[0]}?" if near else "") if unknown.line else ""
    return f"no Caffe that is known has this {what}: {shown_field(unknown)}", hint


def unknown_fields(net: NetParameter) -> tuple[Problem, ...]:
    """Return a problem for every field of a network itself, not of a layer, that the schema lacks and that matters."""
    return tuple(Problem(each.path, *refused(net, each)) for each in net.unknown if not ignored(each.path))


def _lacking(message: Message, unknown: UnknownField) -> tuple[str, str, list[str]]:
    """Return what the schema lacks, "field" or "value", what it is called, and the names that the schema has there."""
    known: Any = message.DESCRIPTOR
    for name in unknown.path.split("."):
        field = known.fields_by_name.get(name)
        if field is None:
            return "field", name, list(known.fields_by_name)
        known = field.message_type or field.enum_type or known
    return "value", unknown.text, list(getattr(known, "values_by_name", ()))
