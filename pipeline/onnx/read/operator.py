"""A node as its reader sees it: values, and attributes, all of which the reader must use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from pipeline.errors import Problem, UnsupportedError
from pipeline.graph.values import Attribute
from pipeline.onnx.schema import AttributeProto, NodeProto


class Operator:
    """A NodeProto. Attributes that are asked for count as used."""

    def __init__(self, node: NodeProto) -> None:
        foreign = node.domain not in ("", "ai.onnx")
        self.type = f"{node.domain}.{node.op_type}" if foreign else node.op_type
        self.inputs = tuple(node.input)
        self.outputs = tuple(node.output)
        self.name = node.name or (node.output[0] if node.output else "?")
        self._attributes = {attribute.name: attribute for attribute in node.attribute}
        self._used: set[str] = set()

    def __str__(self) -> str:
        return f"{self.name} ({self.type})"

    def attribute(self, name: str) -> Attribute | None:
        """Return an attribute; None if it is not given. Raises UnsupportedError if it is no number, word or list."""
        self._used.add(name)
        given = self._attributes.get(name)
        found = _value(given) if given is not None else None
        if given is not None and found is None:
            self.refuse(f"attribute {self.type}.{name} is of another type than numbers and words")
        return found

    def told(self) -> dict[str, Attribute]:
        """Return all attributes that are numbers, words or lists, by name."""
        found = {name: _value(given) for name, given in self._attributes.items()}
        return {name: value for name, value in found.items() if value is not None}

    def unused(self) -> Iterator[Problem]:
        """Yield a problem for each attribute that was not used."""
        for name in self._attributes:
            if name not in self._used:
                yield Problem(str(self), f"attribute {self.type}.{name} is not supported")

    def refuse(self, reason: str) -> NoReturn:
        """Raise UnsupportedError for this node."""
        raise UnsupportedError.one(str(self), reason)


def _value(given: AttributeProto) -> Attribute | None:
    field = _VALUES.get(given.type)
    if field is None:
        return None
    found: int | float | bytes | list[int] | list[float] = getattr(given, field)
    if isinstance(found, int | float):
        return found
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else tuple(found)


_VALUES = {
    AttributeProto.FLOAT: "f",
    AttributeProto.INT: "i",
    AttributeProto.STRING: "s",
    AttributeProto.FLOATS: "floats",
    AttributeProto.INTS: "ints",
}
