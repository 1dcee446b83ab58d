"""The states of recurrent modules, which they start from and pass from step to step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.graph.builder import Builder
from pipeline.torch7.module import Module, TorchValue


class States(dict[int, TorchValue]):
    """The states of recurrent modules, by module object, and how often they changed.

    If they are `asked` for, modules start from inputs of the network, and their last states are outputs.
    """

    def __init__(self, builder: Builder, asked: bool = False) -> None:
        super().__init__()
        self.changes = 0
        self.asked = asked
        self._builder = builder
        self._started: dict[int, Module] = {}  # modules that started from inputs, in the order of the inputs

    def __setitem__(self, key: int, value: TorchValue) -> None:
        self.changes += 1
        super().__setitem__(key, value)

    def forget(self, key: int) -> None:
        """Let a module start again, unless states are asked for: then it continues."""
        if not self.asked:
            self.changes += self.pop(key, None) is not None

    def first(self, m: Module, zeros: TorchValue) -> TorchValue:
        """Return the first state of a module: `zeros`, or inputs of the same shapes if states are asked for."""
        if not self.asked:
            return zeros
        key = id(m.object)
        if key not in self:
            self._started[key] = m
            count = iter(range(1, 1 + _count(zeros)))
            self[key] = self._inputs(zeros, count, f"{m.name}_state" + ("{}" if isinstance(zeros, tuple) else ""))
        return self[key]

    def _inputs(self, zeros: TorchValue, count: Iterator[int], name: str) -> TorchValue:
        if isinstance(zeros, tuple):
            return tuple([self._inputs(item, count, name) for item in zeros])
        return self._builder.input(name.format(next(count)), zeros.shape)

    def last(self) -> tuple[TorchValue, ...]:
        """Return the last states of modules that started from inputs, in the order of the inputs."""
        return tuple([self[key] for key in self._started])

    @contextmanager
    def from_zeros(self) -> Iterator[None]:
        """Let modules inside the block start from zeros in any case."""
        before, self.asked = self.asked, False
        try:
            yield
        finally:
            self.asked = before


def _count(x: TorchValue) -> int:
    return sum(map(_count, x)) if isinstance(x, tuple) else 1
