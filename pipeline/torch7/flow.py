"""What flows between modules: tensors, and nested tables of tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.graph.values import Value
from pipeline.torch7.module import Module, TorchValue


class Misfit(UsageError):  # noqa: N818 - the input is wrong, not the program
    """An input does not fit: `module` was `given` it, and wants a table of `items` items (0 if unknown)."""

    def __init__(self, what: str, module: Module, given: TorchValue, why: str = "", items: int = 0) -> None:
        super().__init__(what, why=why)
        self.module = module
        self.given = given
        self.items = items


@dataclass(frozen=True, slots=True)
class Step:
    """A module that ran: its input and its output."""

    module: Module
    taken: TorchValue
    given: TorchValue


def leaves(x: TorchValue | None) -> Iterator[Value]:
    """Yield the tensors of a nested table of any depth, from left to right."""
    waiting = [x]
    while waiting:
        first = waiting.pop()
        if isinstance(first, tuple):
            waiting.extend(reversed(first))
        elif first is not None:
            yield first


def spell(x: TorchValue) -> str:
    """Return the shapes of a tensor or a table in the notation of `--input`."""
    if isinstance(x, tuple):
        return "[" + ",".join(spell(v) for v in x) + "]"
    return "x".join(map(str, x.shape)) or "scalar"
