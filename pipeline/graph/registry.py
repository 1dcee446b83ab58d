"""Tables that map names to the function or class that handles each. Registering a name twice is a bug.

What a plugin registers goes to a layer of its own, which is consulted only inside `laid_over`, before the table itself.
What this program's own modules register is known everywhere, even if a plugin is the first to import them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class Registry(Generic[T]):
    """Names (`nn.Linear`, `Conv`, `Pooling`) and their handlers, registered by a decorator.

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
        """Decorate the handler of `names`. Raises ValueError if a name already has one."""

        def add(handler: U) -> U:
            for name in names:
                self.change(name, lambda before, name=name: self._only(name, before, handler))  # type: ignore[misc]
            return handler

        return add

    def _only(self, name: str, before: T | None, handler: Any) -> T:  # noqa: ANN401 - decorators keep the exact type
        if before is not None:
            raise ValueError(f"{self.kind} {name} is registered twice")
        return handler  # type: ignore[no-any-return]

    def change(self, name: str, change: Callable[[T | None], T]) -> None:
        """Replace the handler that `name` has in the same layer, or None, by what `change` returns for it."""
        layer = None if _is_registered_here() else _COLLECTED.get()
        entries = self._entries if layer is None else layer.setdefault(self, {})
        entries[name] = change(entries.get(name))

    def layers(self) -> Iterator[Mapping[str, T]]:
        """Yield the tables in the order in which names are looked up."""
        for layer in _LAID_OVER.get():
            if self in layer:
                yield layer[self]
        yield self._entries

    def __getitem__(self, name: str) -> T:
        return next((entries for entries in self.layers() if name in entries), self._entries)[name]

    def get(self, name: str) -> T | None:
        """Return the handler of `name`, or None."""
        return next((entries[name] for entries in self.layers() if name in entries), None)

    def __contains__(self, name: object) -> bool:
        return any(name in entries for entries in self.layers())

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(set[str]().union(*self.layers())))

    def __len__(self) -> int:
        return len(list(iter(self)))


def _is_registered_here() -> bool:
    """Return whether the innermost module that is being imported belongs to this program."""
    frame: FrameType | None = sys._getframe()
    while frame and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    return frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == _PROGRAM


_PROGRAM = __name__.partition(".")[0]

Layer: TypeAlias = dict[Registry[Any], dict[str, Any]]  # what was registered, by registry and name
_COLLECTED: ContextVar[Layer | None] = ContextVar("collected", default=None)
_LAID_OVER: ContextVar[tuple[Layer, ...]] = ContextVar("laid_over", default=())


@contextmanager
def collected() -> Iterator[Layer]:
    """Collect what is registered inside the block in a layer, instead of in the tables."""
    layer: Layer = {}
    token = _COLLECTED.set(layer)
    try:
        yield layer
    finally:
        _COLLECTED.reset(token)


@contextmanager
def laid_over(layer: Layer) -> Iterator[None]:
    """Look names up in this layer first, inside the block."""
    token = _LAID_OVER.set((layer, *_LAID_OVER.get()))
    try:
        yield
    finally:
        _LAID_OVER.reset(token)
