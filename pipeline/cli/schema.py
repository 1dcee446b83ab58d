"""Generates a JSON Schema from types, and the types that dataclasses have in JSON."""

from __future__ import annotations

import functools
import inspect
import json
import operator
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, make_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints


@functools.cache
def written(kind: Any) -> Any:  # noqa: ANN401 - a type
    """Return the type that values of `kind` have in JSON, where dataclasses become objects.

    Fields of bytes are left out, and numbers that are not finite become strings.
    """
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        told = [(each.name, written(hints[each.name])) for each in fields(kind) if hints[each.name] is not bytes]
        return make_dataclass(kind.__name__, told, namespace={"__doc__": kind.__doc__})
    inner = tuple(written(each) for each in get_args(kind) if each is not Ellipsis)
    if isinstance(kind, UnionType):
        return functools.reduce(operator.or_, inner)
    if get_origin(kind) is Mapping:
        return dict[str, inner[1]]  # type: ignore[valid-type]
    if get_origin(kind) in (tuple, list):
        return list[functools.reduce(operator.or_, inner)]  # type: ignore[misc]
    return float | str if kind is float else kind


def published(answers: Mapping[str, Any], version: int) -> str:
    """Return a JSON Schema: `commands` has the type that each command prints, `$defs` the types that these use."""
    import msgspec

    schemas, parts = msgspec.json.schema_components(answers.values(), ref_template="#/$defs/{name}")
    commands = dict(zip(answers, schemas, strict=True))
    parts = {name: _same_everywhere(part) for name, part in parts.items()}
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "version": version}
    return json.dumps({**about, "commands": commands, "$defs": parts}, indent=1) + "\n"


def _same_everywhere(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part of a schema without what differs between versions of msgspec: indentation, and defaults."""
    fields = {name: {k: v for k, v in of.items() if k != "default"} for name, of in part.get("properties", {}).items()}
    told = {"description": inspect.cleandoc(part["description"])} if "description" in part else {}
    return {**part, **told, **({"properties": fields} if fields else {})}
