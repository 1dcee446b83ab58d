"""A table from exact names to the one function or class that handles each; a name claimed twice is a bug."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class Registry(Generic[T]):
    """Names (`nn.Linear`, `Conv`, `Pooling`) and their handlers, filled by decorator.

    >>> reads: Registry[Callable[[str], str]] = Registry("Caffe layer")
    >>> @reads.register("ReLU", "Sigmoid")
    ... def activation(layer: str) -> str:
    ...     return layer.lower()
    >>> reads["ReLU"]("X"), list(reads)
    ('x', ['ReLU', 'Sigmoid'])
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, *names: str) -> Callable[[U], U]:
        """Decorate the handler of `names`; raises ValueError where a name already has one."""

        def add(handler: U) -> U:
            for name in names:
                if name in self._entries:
                    raise ValueError(f"{self.kind} {name} is registered twice")
                self._entries[name] = handler  # type: ignore[assignment]  # the decorator keeps the exact type
            return handler

        return add

    def __getitem__(self, name: str) -> T:
        return self._entries[name]

    def get(self, name: str) -> T | None:
        """Return the handler of `name`, or None."""
        return self._entries.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
