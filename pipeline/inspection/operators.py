"""What is supported, told by the registries: module -> graph operators -> Caffe layers -> Caffe2 operators.

No list is kept by hand. A converter's code names what it makes (Conv, "Pooling"); those names are read off the
converter and the functions of this package that it calls.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from dis import get_instructions
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, TypeGuard

from pipeline.graph.registry import Registry

if TYPE_CHECKING:
    from pipeline.graph.writers import Writers


@dataclass(frozen=True, slots=True)
class Row:
    """One name of the source format, or one graph operator, and what it becomes on the way."""

    name: str
    summary: str
    operators: tuple[str, ...]
    caffe: tuple[str, ...]
    caffe2: tuple[str, ...]


def module_rows() -> list[Row]:
    """Return a row for each Torch7 module class."""
    from pipeline.graph.operators import OPERATORS
    from pipeline.torch7.modules import definitions

    rows = []
    for name, definition in definitions():
        lower = definition.lower
        made = sorted(names_in(lower, OPERATORS))
        targets = [operator_row(operator) for operator in made]
        rows.append(
            Row(
                name,
                first_line(lower),
                tuple(made),
                tuple(sorted({layer for row in targets for layer in row.caffe})),
                tuple(sorted({operator for row in targets for operator in row.caffe2})),
            )
        )
    return rows


def operator_rows() -> list[Row]:
    """Return a row for each operator of the graph."""
    from pipeline.graph.operators import OPERATORS

    return [operator_row(name) for name in OPERATORS]


def layer_rows() -> list[Row]:
    """Return a row for each Caffe layer that is read."""
    from pipeline.caffe.read import READS
    from pipeline.graph.operators import OPERATORS

    rows = []
    for name in READS:
        made = sorted(names_in(READS[name], OPERATORS))
        caffe2 = sorted({operator for made_name in made for operator in operator_row(made_name).caffe2})
        rows.append(Row(name, first_line(READS[name]), tuple(made), (name,), tuple(caffe2)))
    return rows


@cache
def operator_row(name: str) -> Row:
    """Report what one operator of the graph is written as."""
    from pipeline.caffe import read as caffe_read
    from pipeline.caffe import write as caffe_write
    from pipeline.caffe2 import read as caffe2_read
    from pipeline.caffe2 import write as caffe2_write
    from pipeline.graph.expansions import EXPANSIONS

    writer = caffe_write.WRITES.get(name) or EXPANSIONS.get(name)
    return Row(
        name,
        first_line(writer) if writer else "",
        (name,),
        tuple(sorted(_written(name, caffe_write.WRITES, caffe_read.READS))),
        tuple(sorted(_written(name, caffe2_write.WRITES, caffe2_read.READS))),
    )


def _written(name: str, writers: Writers[Any], known: Container[str]) -> set[str]:
    """Collect what an operator is written as: by its writer, and by those of what it is expanded to."""
    from pipeline.graph.expansions import EXPANSIONS
    from pipeline.graph.operators import OPERATORS

    found = names_in(writers[name], known) if name in writers else set()
    if name in EXPANSIONS and not writers.always_has(name):
        for part in names_in(EXPANSIONS[name], OPERATORS) - {name}:
            found |= _written(part, writers, known)
    return found


def first_line(function: Callable[..., Any]) -> str:
    """Return the first sentence of a converter's documentation."""
    return (function.__doc__ or "").strip().partition("\n")[0]


def names_in(function: Callable[..., Any], known: Container[str]) -> set[str]:
    """Collect the names in `known` that a function, or one of this package's that it calls, mentions.

    A name is mentioned as a word or, where `known` is a registry of classes, as the class.

    >>> def relu(m, x, net): return net.add("Relu", x)
    >>> sorted(names_in(relu, {"Relu", "Conv"}))
    ['Relu']
    """
    found: set[str] = set()
    seen: set[FunctionType] = set()
    pending = list(_functions(function))
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        held = [cell.cell_contents for cell in current.__closure__ or ()]
        found |= {name for name in held if isinstance(name, str) and name in known}
        for code in _codes(current.__code__):
            found |= {name for name in _strings(code.co_consts) if name in known}
            module = vars(sys.modules[current.__module__])
            called = list(_globals(code, module))
            found |= {value.__name__ for value in called if _is_class_in(value, known)}
            pending.extend(inner for value in called for inner in _functions(value))
    return found


def _globals(code: CodeType, module: Mapping[str, Any]) -> Iterator[object]:
    """Return what a code takes from its module, and from modules of this package that it names (`layers.bias`)."""
    owner: object = None
    for instruction in get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL":
            owner = module.get(instruction.argval)
            yield owner
        else:
            if instruction.opname in ("LOAD_ATTR", "LOAD_METHOD") and isinstance(owner, ModuleType):
                yield vars(owner).get(instruction.argval) if _ours(owner.__name__) else None
            owner = None


def _is_class_in(value: object, known: Container[str]) -> TypeGuard[type]:
    return isinstance(value, type) and isinstance(known, Registry) and known.get(value.__name__) is value


def _functions(value: object) -> Iterator[FunctionType]:
    """Return the Python functions behind a callable of this package, also inside a partial or a closure."""
    value = getattr(value, "func", value)
    if isinstance(value, FunctionType) and _ours(value.__module__):
        yield value
        for cell in value.__closure__ or ():
            yield from _functions(cell.cell_contents)


def _ours(module: str) -> bool:
    return module.partition(".")[0] in ("pipeline", "__main__")


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _strings(constants: tuple[object, ...]) -> Iterator[str]:
    for constant in constants:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple | frozenset):
            yield from _strings(tuple(constant))
