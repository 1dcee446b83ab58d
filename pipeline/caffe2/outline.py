"""What a NetDef holds, without reading its numbers: quick for an init_net of any size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.caffe2.fills import RawOperator, raw_operator
from pipeline.caffe2.schema import NetDef
from pipeline.wire import messages, scan
from pipeline.wire.mapped import map_file, reading
from pipeline.wire.scan import Field

_NAME, _OP, _EXTERNAL_INPUT, _EXTERNAL_OUTPUT = 1, 2, 7, 8  # of NetDef
_F, _I, _S, _FLOATS, _INTS = 2, 3, 4, 5, 6  # of Argument
SHOWN = 8  # numbers of a list that are told


@dataclass(frozen=True, slots=True)
class OperatorOutline:
    """An operator: its blobs, and its arguments as one line of text."""

    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    arguments: str


@dataclass(frozen=True, slots=True)
class NetOutline:
    """A net: its operators in order, and the blobs it takes and gives."""

    name: str
    operators: tuple[OperatorOutline, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def outline(path: Path) -> NetOutline:
    """Read the outline of a NetDef, binary or text. Raises InvalidInputError for a damaged file."""
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


def _outline(view: memoryview, op: RawOperator) -> OperatorOutline:
    told = (f"{name}={_value(view, values)}" for name, values in op.arguments.items())
    return OperatorOutline(op.type, op.inputs, op.outputs, " ".join(told))


def _value(view: memoryview, values: Mapping[int, list[Field]]) -> str:
    return ", ".join(_told(view, values)) or "()"


def _told(view: memoryview, values: Mapping[int, list[Field]]) -> Iterator[str]:
    for number, found in values.items():
        if number == _S:
            yield repr(bytes(scan.payload(view, found[-1])).decode("utf-8", "replace"))
        elif number in (_I, _INTS):
            yield _list([str(n) for n in scan.integers(view, found).tolist()], single=number == _I)
        elif number in (_F, _FLOATS):
            numbers = scan.numbers(view, found, "<f4")
            text = [f"{n:g}" for n in numbers[:SHOWN].tolist()]
            yield _list(text, single=number == _F) if numbers.size <= SHOWN else f"[{numbers.size:,} floats]"


def _list(numbers: list[str], *, single: bool) -> str:
    if single and len(numbers) == 1:
        return numbers[0]
    shown = ", ".join(numbers[:SHOWN])
    return f"[{shown}]" if len(numbers) <= SHOWN else f"[{shown}, ... {len(numbers):,} in all]"
