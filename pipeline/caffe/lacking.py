"""The wording of problems with fields, or values of enums, that the schema lacks: what they are, what may be meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pipeline.caffe.ignored import ignored
from pipeline.errors import Problem

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from pipeline.caffe.schema import NetParameter, UnknownField

SHOWN = 60  # characters of a value that a message quotes


def shown_field(field: UnknownField) -> str:
    """Return the value of an unknown field on one line, for a message."""
    text = " ".join(field.text.split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def refused(message: Message, unknown: UnknownField) -> tuple[str, str]:
    """Return the reason why an unknown field is refused, and advice: its line, and the name that may be meant."""
    what, name, names = _lacking(message, unknown)
    near = get_close_matches(name, names, n=1)
    hint = f"line {unknown.line}" + (f": did you mean {near[0]}?" if near else "") if unknown.line else ""
    return f"no Caffe that is known has this {what}: {shown_field(unknown)}", hint


def unknown_fields(net: NetParameter) -> tuple[Problem, ...]:
    """Return a problem for every unknown field of the network itself, not of its layers, that may not be ignored."""
    return tuple(Problem(each.path, *refused(net, each)) for each in net.unknown if not ignored(each.path))


def _lacking(message: Message, unknown: UnknownField) -> tuple[str, str, list[str]]:
    """Return what the schema lacks ("field" or "value"), its name, and the names that the schema has instead."""
    known: Any = message.DESCRIPTOR
    for name in unknown.path.split("."):
        field = known.fields_by_name.get(name)
        if field is None:
            return "field", name, list(known.fields_by_name)
        known = field.message_type or field.enum_type or known
    return "value", unknown.text, list(getattr(known, "values_by_name", ()))
