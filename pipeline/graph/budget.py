"""Limits on the size of a network. Sizes are computed from shapes, and refused before anything is allocated.

A file of a few bytes can describe a network that would exhaust any memory: a module that contains itself twice, sixteen
levels deep; a padding of a billion rows; a weight that repeats one number. The limits grow with the size of what is
given (the weights in the file, the inputs of the network), so that real networks of any size stay far below them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from pipeline.errors import OverBudget, UnsupportedError, UsageError
from pipeline.wire.shapes import MAX_RANK, possible

if TYPE_CHECKING:
    from pipeline.graph.values import Node, TensorType


@dataclass(frozen=True, slots=True)
class Limit:
    """What is counted, and how much of it is allowed: `number`, plus `share` times the amount that was given."""

    counts: str
    number: int
    share: int = 0


LIMITS: Mapping[str, Limit] = {
    "nodes": Limit("nodes of a graph", 50_000),
    "layers": Limit("layers", 50_000),
    "values": Limit("tensors in one table", 10_000),
    "value": Limit("bytes of one tensor", 1 << 32),
    "activations": Limit("bytes of all tensors that nodes make", 1 << 28, share=10_000),  # of the inputs' bytes
    "weights": Limit("bytes of weights", 1 << 28, share=100),  # of the bytes of weights given
    "multiply-adds": Limit("multiply-adds", 10**13),
}

_raised: ContextVar[Mapping[str, int]] = ContextVar("raised limits", default={})  # noqa: B039 - never written to


def parse(texts: Sequence[str]) -> dict[str, int]:
    """Parse the values of `--limit`, each NAME=NUMBER. Raises UsageError for any other text.

    >>> parse(["nodes=80000"])
    {'nodes': 80000}
    """
    found = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in LIMITS or not re.fullmatch("[0-9]{1,19}", number):
            raise UsageError(
                f"--limit cannot be {text}",
                why="it is NAME=NUMBER",
                advice="the names are " + ", ".join(LIMITS),
            )
        found[name] = int(number)
    return found


@contextmanager
def allowing(texts: Sequence[str]) -> Iterator[None]:
    """Apply other limits to everything built inside the block. Raises UsageError as `parse`."""
    token = _raised.set({**_raised.get(), **parse(texts)})
    try:
        yield
    finally:
        _raised.reset(token)


class Budget:
    """Counts how much of each limit one network has used. `place` is the part that error messages name."""

    def __init__(self) -> None:
        raised = _raised.get()
        self._limits = {name: raised.get(name, limit.number) for name, limit in LIMITS.items()}
        self._grown: Counter[str] = Counter()
        self._used: Counter[str] = Counter()

    def grow(self, name: str, given: int) -> None:
        """Raise a limit because this amount was given."""
        self._grown[name] += LIMITS[name].share * given

    def check(self, name: str, number: int, place: object) -> None:
        """Raise OverBudget if `number` exceeds a limit by itself."""
        if number > self._limits[name] + self._grown[name]:
            self._refuse(name, number, number - self._grown[name], place)

    def spend(self, name: str, number: int, place: object) -> None:
        """Add `number` to what was used; raise OverBudget if the sum exceeds the limit."""
        self._used[name] += number
        used = self._used[name]
        if used > self._limits[name] + self._grown[name]:  # how much is still to come is unknown
            self._refuse(name, used, max(2 * self._limits[name], used - self._grown[name]), place)

    def _refuse(self, name: str, number: int, enough: int, place: object) -> NoReturn:
        allowed = self._limits[name] + self._grown[name]
        raise OverBudget(name, LIMITS[name].counts, number, allowed, enough, str(place))

    def node(self, node: Node) -> None:
        """Count one more node and the tensors that it makes. Raises OverBudget, and UnsupportedError as `value`."""
        self.spend("nodes", 1, node.origin)
        self.check("values", len(node.outputs), node.origin)
        self.spend("activations", sum(self.value(value.type, node.origin) for value in node.outputs), node.origin)
        self.check("value", node.operator.scratch_bytes(node), node.origin)
        self.spend("multiply-adds", node.operator.multiply_adds(node), node.origin)

    def value(self, type_: TensorType, place: object) -> int:
        """Return the bytes of a tensor. Raises OverBudget if it is too large, UnsupportedError for no array's shape."""
        if not possible(type_.shape):
            many = len(type_.shape) > MAX_RANK
            told = f"{len(type_.shape)} axes, and {MAX_RANK} are the most" if many else f"no array: {type_.shape}"
            raise UnsupportedError.one(str(place), f"gives {told}")
        size = type_.bytes
        self.check("value", size, place)
        return size
