"""The states that recurrent modules start from, and pass from step to step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.graph.builder import Builder
from pipeline.torch7.module import Module, TorchValue


class States(dict[int, TorchValue]):
    """The state that each recurrent module passes to its next step, by module object. `changes` counts the changes.

    If states are `asked` for, a module starts from inputs of the network, and its last state is an output.
    """

    def __init__(self, builder: Builder, asked: bool = False) -> None:
        super().__init__()
        self.changes = 0
        self.asked = asked
        self._builder = builder
        self._started: dict[int, Module] = {}  # those that start from inputs, in the order of the inputs

    def __setitem__(self, key: int, value: TorchValue) -> None:
        self.changes += 1
        super().__setitem__(key, value)

    def forget(self, key: int) -> None:
        """Let a module start anew, unless states are asked for."""
        if not self.asked:
            self.changes += self.pop(key, None) is not None

    def first(self, m: Module, zeros: TorchValue) -> TorchValue:
        """Return the state that a module starts from: `zeros`, or inputs of these shapes if states are asked for."""
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
        """Return the last states of the modules that started from inputs, in the order of the inputs."""
        return tuple([self[key] for key in self._started])

    @contextmanager
    def from_zeros(self) -> Iterator[None]:
        """Let modules that run in the block start from zeros, even if states are asked for."""
        before, self.asked = self.asked, False
        try:
            yield
        finally:
            self.asked = before


def _count(x: TorchValue) -> int:
    return sum(map(_count, x)) if isinstance(x, tuple) else 1
