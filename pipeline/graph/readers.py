"""What readers have in common if a net is a list of operators: a function for each type, and the walk over the list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

from pipeline.errors import InvalidInputError, Problem, UnsupportedError
from pipeline.graph.builder import Builder
from pipeline.graph.operators import ShapeError
from pipeline.graph.registry import Registry


class MissingValue(Exception):  # noqa: N818 - says why a reader stops, and is handled where it is called
    """A value is missing, because the operator that makes it could not be read."""


class ReadOperator(Protocol):
    """An operator of a file. It remembers what of it was used."""

    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def unused(self) -> Iterator[Problem]:
        """Yield a problem for each part of the operator that was not used, although it has a meaning."""


class NetReader(Builder):
    """Builds the graph of a net, operator by operator. Values have the names of the file."""

    def read(self, operator: Any, reader: Callable[..., None]) -> None:  # noqa: ANN401 - of the format
        """Call the reader of an operator, which adds nodes. Raises UnsupportedError if no operator like it is read."""
        raise NotImplementedError

    def forget(self, names: Sequence[str]) -> None:
        """Forget values, because the operator that makes them again could not be read."""


O = TypeVar("O", bound=ReadOperator)  # noqa: E741 - an operator
B = TypeVar("B", bound=NetReader)


class Readers(Registry[Callable[[O, B], None]], Generic[O, B]):
    """The readers of a format, by type of operator."""

    def read(self, operators: Iterable[O], net: B) -> None:
        """Read all operators into `net`.

        Raises UnsupportedError with everything that is not understood, and InvalidInputError if an operator does not
        fit its inputs.
        """
        problems: list[Problem] = []
        unread: set[str] = set()
        for operator in operators:
            try:
                self._read(operator, net)
                problems += operator.unused()
                continue
            except UnsupportedError as error:
                problems += error.problems
            except MissingValue as error:
                if str(error) not in unread:  # else it follows from an earlier problem
                    problems.append(Problem(str(operator), f"its input {error} holds nothing that is supported"))
            net.forget(operator.outputs)
            unread.update(operator.outputs)
        if problems:
            raise UnsupportedError(tuple(problems))

    def _read(self, operator: O, net: B) -> None:
        reader = self.get(operator.type)
        if reader is None:
            raise UnsupportedError.one(str(operator), f"operator {operator.type} is not supported")
        try:
            net.read(operator, reader)
        except ShapeError as error:
            what = "an operator does not fit its inputs"
            raise InvalidInputError(what, where=str(operator), why=str(error)) from error
        except (LookupError, ValueError, ArithmeticError, TypeError) as error:  # from unexpected inputs or arguments
            why = f"it has {len(operator.inputs)} inputs and {len(operator.outputs)} outputs: {error}"
            raise InvalidInputError("an operator is not what it should be", where=str(operator), why=why) from error
