"""The parameters in the bytes of an init_net: read as views of the mapped file, written without a copy.

An init_net is a NetDef whose operators make a blob each from their arguments (GivenTensorFill and the like).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf, prod
from typing import Any

import numpy as np

from pipeline.errors import InvalidInputError, Problem, UnsupportedError
from pipeline.wire import scan
from pipeline.wire.scan import Field, fields
from pipeline.wire.shapes import possible
from pipeline.wire.splice import Floats, Part, length_delimited, message, packed_varints, total

Array = np.ndarray[Any, Any]

# Field numbers of caffe2.proto.
_NET_NAME, _OP = 1, 2
_INPUT, _OUTPUT, _TYPE, _ARG = 1, 2, 4, 5
_NAME, _F, _I, _S, _FLOATS, _INTS, _STRINGS = 1, 2, 3, 4, 5, 6, 7

_FILL_OF = {"float32": "GivenTensorFill", "int32": "GivenTensorIntFill", "int64": "GivenTensorInt64Fill"}
_CONSTANT_TYPES = {1: "float32", 2: "int32", 10: "int64"}  # TensorProto.DataType


@dataclass(frozen=True, slots=True)
class RawOperator:
    """An operator in the bytes of a file. Each argument is a mapping of the fields that it sets, by number."""

    start: int
    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    arguments: Mapping[str, dict[int, list[Field]]] = field(default_factory=dict)


def scan_fills(view: memoryview) -> dict[str, Array]:
    """Return the parameters that an init_net makes, in the order of the file.

    Raises InvalidInputError for a damaged file, UnsupportedError with every operator that is not a fill with given
    values.
    """
    found: dict[str, Array] = {}
    problems = []
    for op in fields(view, 0, len(view)):
        if op.number != _OP:
            continue
        operator = raw_operator(view, op)
        fill = _FILLS.get(operator.type)
        if fill is None or operator.inputs or len(operator.outputs) != 1:
            reason = f"makes {', '.join(operator.outputs) or 'nothing'}, not one blob of given numbers"
            problems.append(Problem(f"init_net's {operator.type}", reason))
        else:
            name = operator.outputs[0]
            found.pop(name, None)
            found[name] = fill(view, operator)
    if problems:
        raise UnsupportedError(tuple(problems))
    return found


def init_parts(name: str, weights: Mapping[str, Array], limit: float = inf) -> list[list[Part]]:
    """Return the parts of an init_net with a fill for each parameter, in order.

    Float arrays become float32; arrays of int32 and int64 keep their type. If a single net would reach `limit` bytes,
    the parameters are divided into several nets, each below the limit unless a single parameter reaches it.
    """
    nets = [message(_NET_NAME, [name.encode()])]
    size = head = total(nets[0])
    for blob, array in weights.items():
        fill = message(_OP, _fill_parts(blob, array))
        if size > head and size + total(fill) >= limit:
            nets.append(message(_NET_NAME, [f"{name}_{len(nets) + 1}".encode()]))
            size = head = total(nets[-1])
        nets[-1] += fill
        size += total(fill)
    return nets


def _fill_parts(blob: str, array: Array) -> list[Part]:
    floating = array.dtype.kind == "f"
    kind = _FILL_OF["float32" if floating else array.dtype.name]
    values: Part = Floats(array) if floating else packed_varints(array.ravel().tolist())
    return [
        *message(_OUTPUT, [blob.encode()]),
        *message(_TYPE, [kind.encode()]),
        *message(_ARG, [*message(_NAME, [b"shape"]), *_packed(_INTS, packed_varints(array.shape))]),
        *message(_ARG, [*message(_NAME, [b"values"]), *_packed(_FLOATS if floating else _INTS, values)]),
    ]


def _packed(number: int, payload: Part) -> list[Part]:
    return [length_delimited(number, len(payload)), payload] if len(payload) else []


def raw_operator(view: memoryview, op: Field) -> RawOperator:
    """Return the parts of an operator, without reading the numbers of its arguments."""
    kind, inputs, outputs = "", [], []
    arguments: dict[str, dict[int, list[Field]]] = {}
    for part in scan.inside(view, op):
        if part.number == _TYPE:
            kind = scan.text(view, part)
        elif part.number == _INPUT:
            inputs.append(scan.text(view, part))
        elif part.number == _OUTPUT:
            outputs.append(scan.text(view, part))
        elif part.number == _ARG:
            values: dict[int, list[Field]] = {}
            for value in scan.inside(view, part):
                values.setdefault(value.number, []).append(value)
            name = scan.text(view, values[_NAME][-1]) if _NAME in values else ""
            arguments[name] = values
    return RawOperator(op.start, kind, tuple(inputs), tuple(outputs), arguments)


def _floats(view: memoryview, op: RawOperator) -> Array:
    return _shaped(op, scan.numbers(view, _values(op, _FLOATS), "<f4"), _shape(view, op))


def _integers(dtype: str) -> Callable[[memoryview, RawOperator], Array]:
    def read(view: memoryview, op: RawOperator) -> Array:
        return _shaped(op, scan.integers(view, _values(op, _INTS)).astype(dtype), _shape(view, op))

    return read


def _constant(view: memoryview, op: RawOperator) -> Array:
    """Return the blob of a ConstantFill as a view that repeats one number, so that its shape may be of any size."""
    given = op.arguments.get("value", {})
    dtype = _CONSTANT_TYPES.get(_integer(op, "dtype", 1))
    if dtype is None:
        raise UnsupportedError.one(f"init_net's ConstantFill of {op.outputs[0]}", "is of another type than numbers")
    value: Any = 0
    if _F in given:
        value = scan.numbers(view, given[_F][-1:], "<f4")[-1]
    elif _I in given:
        value = scan.integers(view, given[_I][-1:])[-1]
    return np.broadcast_to(np.asarray(value).astype(dtype), _shape(view, op))


_FILLS: dict[str, Callable[[memoryview, RawOperator], Array]] = {
    "GivenTensorFill": _floats,
    "GivenTensorIntFill": _integers("int32"),
    "GivenTensorInt64Fill": _integers("int64"),
    "ConstantFill": _constant,
}


def _values(op: RawOperator, number: int) -> list[Field]:
    return op.arguments.get("values", {}).get(number, [])


def _integer(op: RawOperator, name: str, default: int) -> int:
    given = op.arguments.get(name, {}).get(_I)
    return given[-1].value if given else default


def _shape(view: memoryview, op: RawOperator) -> tuple[int, ...]:
    shape = tuple(scan.integers(view, op.arguments.get("shape", {}).get(_INTS, [])).tolist())
    if not possible(shape) or prod(shape) >= 1 << 31:
        raise _damaged(op, f"a blob of shape {shape}")
    return shape


def _shaped(op: RawOperator, values: Array, shape: tuple[int, ...]) -> Array:
    if values.size != prod(shape):
        raise _damaged(op, f"{values.size} numbers for a blob of shape {shape}")
    return values.reshape(shape)


def _damaged(op: RawOperator, why: str) -> InvalidInputError:
    return InvalidInputError(
        "the init_net is damaged", where=f"{op.type} of {', '.join(op.outputs)}, byte {op.start}", why=why
    )
