"""Functions of nested tables, the Lua tables of tensors that flow between modules."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.graph.values import Value
from pipeline.torch7.module import TorchValue


def leaves(x: TorchValue | None) -> Iterator[Value]:
    """Yield the tensors of a nested table, however deep, from left to right."""
    waiting = [x]
    while waiting:
        first = waiting.pop()
        if isinstance(first, tuple):
            waiting.extend(reversed(first))
        elif first is not None:
            yield first


def spell(x: TorchValue) -> str:
    """Return the shape of a tensor, or the shapes in a table, as text for `--input`."""
    if isinstance(x, tuple):
        return "[" + ",".join(spell(v) for v in x) + "]"
    return "x".join(map(str, x.shape)) or "scalar"
