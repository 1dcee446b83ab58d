"""Parses the input shapes that users type: `2x3x224x224`, `name=2x3`, `[2x4,[2x4,3]]`, `scalar`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from pipeline.errors import UsageError
from pipeline.wire.shapes import MAX_RANK

AUTO = "auto"
MAX_DEPTH = 64
MAX_ELEMENTS = 1 << 40

_NAME = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*=")
_SHAPE = re.compile(r"\s*(scalar|\d{1,19}(?:\s*[xX\u00d7]\s*\d{1,19})*)\s*")


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor: its shape (empty for a scalar), and its name if the user gave one."""

    shape: tuple[int, ...]
    name: str = ""

    def __str__(self) -> str:
        return _labelled(self.name, "x".join(map(str, self.shape)) or "scalar")


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A Lua table of inputs, in order."""

    items: tuple[InputSpec, ...]
    name: str = ""

    def __str__(self) -> str:
        return _labelled(self.name, "[" + ",".join(map(str, self.items)) + "]")


InputSpec = TensorSpec | TableSpec


def places(specs: Sequence[InputSpec], inside: str = "") -> list[str]:
    """Return the place of each tensor in nested tables, counted from 1 as in Lua.

    >>> places([parse_input_spec("2x3"), parse_input_spec("[4,[5]]")])
    ['1', '2.1', '2.2.1']
    """
    found: list[str] = []
    for number, spec in enumerate(specs, 1):
        place = f"{inside}{number}"
        found += [place] if isinstance(spec, TensorSpec) else places(spec.items, f"{place}.")
    return found


def parse_input_spec(text: str) -> InputSpec:
    """Parse one `--input`. `str` of the result is its canonical spelling.

    Raises UsageError, which points at the first character that cannot be parsed.

    >>> parse_input_spec("data=2x3x224x224")
    TensorSpec(shape=(2, 3, 224, 224), name='data')
    >>> str(parse_input_spec("[2x4, [2x4,3]]"))
    '[2x4,[2x4,3]]'
    """
    spec, end = _spec(text, 0, 0)
    if text[end:].strip():
        advice = "dimensions are joined by x, as in 1x3x224x224" if text[end] == "," else ""
        raise _wrong(text, end, "nothing more was expected", advice)
    return spec


def parse_inputs(texts: Sequence[str]) -> tuple[InputSpec, ...] | None:
    """Parse the values of all `--input`. Return None if there are none, or `auto`: then the shapes are inferred.

    Raises UsageError as `parse_input_spec`.
    """
    return tuple(parse_input_spec(text) for text in texts if text != AUTO) or None


def by_name(names: Sequence[str], inputs: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the shapes in `inputs`, as typed, by the `names` of a network's inputs. Shapes without a name go in order.

    Raises UsageError for a shape that fits no input.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for position, text in enumerate(inputs):
        spec = parse_input_spec(text)
        if not isinstance(spec, TensorSpec) or (not spec.name and position >= len(names)):
            takes = ", ".join(names) or "nothing"
            raise UsageError(f"--input {text} is not one of the network's", why=f"it takes {takes}")
        shapes[spec.name or names[position]] = spec.shape
    return shapes


def _labelled(name: str, body: str) -> str:
    return f"{name}={body}" if name else body


def _wrong(text: str, at: int, why: str, advice: str = "") -> UsageError:
    return UsageError(
        f"the input {text!r} cannot be read at character {at + 1}",
        why=why,
        advice=advice or "2x3x224x224, name=2x3, [2x4,[2x4,3]] or scalar",
    )


def _spec(text: str, at: int, depth: int) -> tuple[InputSpec, int]:
    """Parse `[name=]tensor` or `[name=][spec,...]` from character `at`. Return it, and where it ends."""
    if depth > MAX_DEPTH:
        raise _wrong(text, at, f"tables nest deeper than {MAX_DEPTH}")
    label = _NAME.match(text, at)
    name, at = (label[1], label.end()) if label else ("", at)
    at += len(text[at:]) - len(text[at:].lstrip())
    if text.startswith("[", at):
        return _table(text, at + 1, depth, name)
    match = _SHAPE.match(text, at)
    if not match:
        raise _wrong(text, at, "a shape was expected here")
    shape = () if match[1] == "scalar" else tuple(int(size) for size in re.findall(r"\d+", match[1]))
    if 0 in shape or len(shape) > MAX_RANK or prod(shape) > MAX_ELEMENTS:
        raise _wrong(text, at, f"a tensor has up to {MAX_RANK} dimensions, each at least 1, and fits in memory")
    return TensorSpec(shape, name), match.end()


def _table(text: str, at: int, depth: int, name: str) -> tuple[InputSpec, int]:
    items: list[InputSpec] = []
    while True:
        item, at = _spec(text, at, depth + 1)
        items.append(item)
        if text.startswith("]", at):
            end = at + 1
            return TableSpec(tuple(items), name), end + len(text[end:]) - len(text[end:].lstrip())
        if not text.startswith(",", at):
            raise _wrong(text, at, "a comma or a closing bracket was expected here")
        at += 1
