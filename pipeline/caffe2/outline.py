"""The operators of a NetDef without their numbers, which is fast even for a large init_net."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.caffe2.fills import RawOperator, raw_operator
from pipeline.caffe2.schema import NetDef
from pipeline.errors import InvalidInputError
from pipeline.wire import messages, scan
from pipeline.wire.mapped import map_file, reading
from pipeline.wire.scan import Field
from pipeline.wire.words import LONGEST_PATH, check_name

_NAME, _OP, _EXTERNAL_INPUT, _EXTERNAL_OUTPUT = 1, 2, 7, 8  # of NetDef
_F, _I, _S, _FLOATS, _INTS = 2, 3, 4, 5, 6  # of Argument
SHOWN = 64  # numbers in a list that is shown; of longer ones, only the length is

Argument = int | float | str | list[int] | list[float]


@dataclass(frozen=True, slots=True)
class OperatorOutline:
    """An operator: its blobs, and its arguments as plain values. Of a long list, only its length is kept."""

    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    arguments: Mapping[str, Argument]


@dataclass(frozen=True, slots=True)
class NetOutline:
    """A net: its operators in order, and its input and output blobs."""

    name: str
    operators: tuple[OperatorOutline, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def outline(path: Path) -> NetOutline:
    """Read the outline of a NetDef in binary or text form. Raises InvalidInputError for a damaged file."""
    view = map_file(path)
    if messages.is_text(view):
        view = memoryview(messages.parse_text(view, NetDef, path).SerializeToString())
    with reading(path):
        found: dict[int, list[Field]] = {}
        for field in scan.fields(view, 0, len(view)):
            found.setdefault(field.number, []).append(field)
        names = {n: [scan.text(view, f) for f in found.get(n, [])] for n in (_NAME, _EXTERNAL_INPUT, _EXTERNAL_OUTPUT)}
        operators = tuple(_outline(view, raw_operator(view, op)) for op in found.get(_OP, []))
    return NetOutline(
        (names[_NAME] or [""])[-1], operators, tuple(names[_EXTERNAL_INPUT]), tuple(names[_EXTERNAL_OUTPUT])
    )


def is_init_net(view: memoryview) -> bool:
    """Return whether a NetDef, in binary or text form, only fills parameters: no operator takes a blob."""
    try:
        if messages.is_text(view):
            view = memoryview(messages.parse_text(view, NetDef, Path("net")).SerializeToString())
        operators = [raw_operator(view, op) for op in scan.fields(view, 0, len(view)) if op.number == _OP]
    except InvalidInputError:
        return False  # the reader of the net will say what is wrong with it
    return bool(operators) and not any(op.inputs for op in operators)


def _outline(view: memoryview, op: RawOperator) -> OperatorOutline:
    for name in (op.type, *op.inputs, *op.outputs):
        check_name(name, "a name in an OperatorDef", most=LONGEST_PATH)
    arguments = {name: _value(view, values) for name, values in op.arguments.items()}
    return OperatorOutline(op.type, op.inputs, op.outputs, arguments)


def _value(view: memoryview, values: Mapping[int, list[Field]]) -> Argument:
    if _S in values:
        return bytes(scan.payload(view, values[_S][-1])).decode("utf-8", "replace")
    if _I in values:
        return int(scan.integers(view, values[_I])[-1])
    if _F in values:
        return float(scan.numbers(view, values[_F], "<f4")[-1])
    if _FLOATS in values:
        numbers = scan.numbers(view, values[_FLOATS], "<f4")
        return numbers.tolist() if numbers.size <= SHOWN else f"{numbers.size:,} floats"
    whole = scan.integers(view, values.get(_INTS, []))
    return whole.tolist() if whole.size <= SHOWN else f"{whole.size:,} integers"
