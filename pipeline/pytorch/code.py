"""Pieces of Python source, built as values, and written in lines that are broken as formatters do.

No text from a file becomes code: names are reduced to identifiers, and everything else is written as a literal.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

WIDTH = 88  # columns of a line, the default of formatters
_INDENT = 4
_STATEMENTS = ("= ", "return ")  # the ends of code after which an expression may be put in parentheses
_LARGEST = float(np.finfo(np.float32).max)

Literal = bool | int | float | str | None | Sequence["Literal"]


@dataclass(frozen=True, slots=True)
class Text:
    """Code that is written as it is. It must never come from a file."""

    text: str


@dataclass(frozen=True, slots=True)
class Ref:
    """A value of the graph, by its name there. Its variable is chosen later."""

    value: str


@dataclass(frozen=True, slots=True)
class Bracket:
    """Items in brackets after a head, as in `torch.cat((a, b), dim=1)`, each with its prefix, such as `dim=`."""

    head: tuple[Code, ...]
    items: tuple[tuple[str, Code], ...]
    ends: str = "()"


@dataclass(frozen=True, slots=True)
class Infix:
    """Operands with operators between them."""

    operator: str
    operands: tuple[Code, ...]


Code = Text | Ref | Bracket | Infix


def code(value: Code | Literal) -> Code:
    """Return a plain value as a literal, and code as it is.

    >>> flat(code((1, 0.1, "bilinear", float("inf"))), {})
    '(1, 0.1, "bilinear", float("inf"))'
    """
    if isinstance(value, Text | Ref | Bracket | Infix):
        return value
    if isinstance(value, str):
        return Text(json.dumps(value))
    if isinstance(value, float):
        return Text(_number(value) if math.isfinite(value) else f'float("{value}")')
    if value is None or isinstance(value, int):
        return Text(repr(value))
    return sequence(value)


def _number(value: float) -> str:
    """Return a float as the shortest decimal; if it is a float32, as the shortest that becomes this float32."""
    if abs(value) < _LARGEST and np.float32(value) == value:
        value = float(str(np.float32(value)))
    return repr(value).replace("e+", "e")


def sequence(items: Sequence[Code | Literal]) -> Code:
    """Return a tuple."""
    one = [("", Text(f"{flat(code(items[0]), {})},"))] if len(items) == 1 else [("", code(item)) for item in items]
    return Bracket((), tuple(one))


def call(function: str, *items: Code | Literal, **keywords: Code | Literal) -> Bracket:
    """Return a call of a function by its name, which must not come from a file."""
    return Bracket((Text(function),), _items(items, keywords))


def method(x: Code, name: str, /, *items: Code | Literal, **keywords: Code | Literal) -> Bracket:
    """Return a call of a method."""
    return Bracket((_atom(x), Text(f".{name}")), _items(items, keywords))


def index(x: Code, *places: str | Code, of: str = "") -> Bracket:
    """Return x[...], or with `of` an index of that attribute of x. A string, such as `1:3`, is written as it is."""
    head = (_atom(x), Text(f".{of}")) if of else (_atom(x),)
    return Bracket(head, tuple(("", Text(p) if isinstance(p, str) else p) for p in places), "[]")


def infix(a: Code | Literal, operator: str, *others: Code | Literal) -> Infix:
    """Return operands with an operator between them. Operands that are an Infix are put in parentheses."""
    return Infix(operator, tuple(_atom(code(operand)) for operand in (a, *others)))


def _atom(x: Code) -> Code:
    return Bracket((), (("", x),)) if isinstance(x, Infix) else x


def _items(items: Sequence[Code | Literal], keywords: Mapping[str, Code | Literal]) -> tuple[tuple[str, Code], ...]:
    named = ((f"{name}=", code(value)) for name, value in keywords.items())
    return (*(("", code(item)) for item in items), *named)


def refs(found: Code) -> Iterator[str]:
    """Yield the names of the values to which code refers."""
    if isinstance(found, Ref):
        yield found.value
    elif isinstance(found, Infix):
        for operand in found.operands:
            yield from refs(operand)
    elif isinstance(found, Bracket):
        for part in (*found.head, *(item for _, item in found.items)):
            yield from refs(part)


def flat(found: Code, names: Mapping[str, str]) -> str:
    """Return code as one line. `names` are the variables by value."""
    if isinstance(found, Text):
        return found.text
    if isinstance(found, Ref):
        return names[found.value]
    if isinstance(found, Infix):
        return f" {found.operator} ".join(flat(operand, names) for operand in found.operands)
    head = "".join(flat(part, names) for part in found.head)
    inner = _inner(found, names)
    return f"{head}{found.ends[0]}{inner}{found.ends[1]}"


def lines(found: Code, names: Mapping[str, str], depth: int, before: str = "", after: str = "") -> list[str]:
    """Return code as lines, indented by `depth` levels and broken as needed, with `before` and `after` at its ends."""
    indent = " " * (_INDENT * depth)
    whole = f"{indent}{before}{flat(found, names)}{after}"
    if len(whole) <= WIDTH or isinstance(found, Text | Ref):
        return [whole]
    if isinstance(found, Infix):
        return _broken(found, names, depth, before, after)
    head = "".join(flat(part, names) for part in found.head)
    opening = f"{indent}{before}{head}{found.ends[0]}"
    if len(opening) > WIDTH and before.endswith(_STATEMENTS):
        return [f"{indent}{before}(", *lines(found, names, depth + 1), f"{indent}){after}"]
    if not found.items and found.head:
        first, *others = found.head
        rest = "".join(flat(part, names) for part in others)
        return lines(first, names, depth, before, f"{rest}{found.ends}{after}")
    closing = f"{indent}{found.ends[1]}{after}"
    inner = _inner(found, names)
    if len(indent) + _INDENT + len(inner) <= WIDTH:
        return [opening, f"{indent}{' ' * _INDENT}{inner}", closing]
    comma = "," if len(found.items) > 1 else ""
    body = [row for label, item in found.items for row in lines(item, names, depth + 1, label, comma)]
    return [opening, *body, closing]


def _inner(found: Bracket, names: Mapping[str, str]) -> str:
    return ", ".join(label + flat(item, names) for label, item in found.items)


def _broken(found: Infix, names: Mapping[str, str], depth: int, before: str, after: str) -> list[str]:
    """Return operands as lines in parentheses, with one operand in each line if they do not fit in one."""
    indent = " " * (_INDENT * depth)
    first, *others = found.operands
    body = [f"{indent}{' ' * _INDENT}{flat(found, names)}"]
    if len(body[0]) > WIDTH:
        body = lines(first, names, depth + 1)
        body += [line for operand in others for line in lines(operand, names, depth + 1, f"{found.operator} ")]
    return [f"{indent}{before}(", *body, f"{indent}){after}"]
