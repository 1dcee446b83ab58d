"""An operator as its reader sees it: blobs, and arguments, all of which the reader must use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

from pipeline.errors import Problem, UnsupportedError

if TYPE_CHECKING:
    from pipeline.caffe2.schema import Argument, OperatorDef

# Arguments that select how something is computed, not what, and those that only training reads.
_WITHOUT_MEANING = frozenset(
    {
        "cudnn_exhaustive_search",
        "exhaustive_search",
        "ws_nbytes_limit",
        "shared_buffer",
        "no_gradient_to_input",
        "float16_compute",
        "momentum",
    }
)


class OperatorReader:
    """An OperatorDef. Arguments that are asked for count as used.

    Like Caffe2, the methods look for an integer only in the field `i`, and for a float only in `f`. An argument that is
    set in another field is a problem.
    """

    def __init__(self, definition: OperatorDef) -> None:
        self.type = definition.type
        self.inputs = tuple(definition.input)
        self.outputs = tuple(definition.output)
        self._arguments = {argument.name: argument for argument in definition.arg}
        self._used: set[str] = set()

    def __str__(self) -> str:
        return f"{self.outputs[0] if self.outputs else '?'} ({self.type})"

    def has(self, name: str) -> bool:
        """Return whether an argument is given."""
        return name in self._arguments

    def ints(self, name: str) -> tuple[int, ...]:
        """Return a list of integers; empty if the argument is not given."""
        self._used.add(name)
        given = self._arguments.get(name)
        return tuple(given.ints) if given is not None else ()

    def axes(self, name: str) -> tuple[int, ...]:
        """Return a list of integers that must be given."""
        if not self.has(name):
            self.refuse(f"argument {self.type}.{name} is missing")
        return self.ints(name)

    def int(self, name: str, default: int | None = None) -> int:
        """Return an integer, which must be given if there is no default."""
        given = self._take(name, "i", default is None)
        return default if given is None and default is not None else given.i  # type: ignore[union-attr]

    def float(self, name: str, default: float | None = None) -> float:
        """Return a number, which is a float32, and must be given if there is no default."""
        given = self._take(name, "f", default is None)
        return default if given is None and default is not None else given.f  # type: ignore[union-attr]

    def word(self, name: str, default: str) -> str:
        """Return a word."""
        given = self._take(name, "s", required=False)
        return default if given is None else given.s.decode("utf-8", "replace")

    def unused(self) -> Iterator[Problem]:
        """Yield a problem for each argument that was not used, although it has a meaning."""
        for name in self._arguments:
            if name not in self._used and name not in _WITHOUT_MEANING:
                yield Problem(str(self), f"argument {self.type}.{name} is not supported")

    def refuse(self, reason: str) -> NoReturn:
        """Raise UnsupportedError for this operator."""
        raise UnsupportedError.one(str(self), reason)

    def _take(self, name: str, field: str, required: bool) -> Argument | None:
        self._used.add(name)
        given = self._arguments.get(name)
        if given is None and required:
            self.refuse(f"argument {self.type}.{name} is missing")
        if given is not None and not given.HasField(field):  # type: ignore[arg-type]
            self.refuse(f"argument {self.type}.{name} is not in the field `{field}`, where Caffe2 looks for it")
        return given
