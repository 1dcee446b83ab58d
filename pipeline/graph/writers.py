"""What a format writes: for each operator the function that does, and of which nodes it is able to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from pipeline.graph.operators import Operator
from pipeline.graph.registry import Registry
from pipeline.graph.values import Graph, Node

B = TypeVar("B")  # what the writers of a format build with
O = TypeVar("O", bound=Operator)  # noqa: E741 - an operator


class Writers(Registry[Callable[[Node[Any], B], None]], Generic[B]):
    """The writers of a format by operator. What it has none for is expanded (see `pipeline.graph.expansions`)."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self._where: dict[str, Callable[[Node[Any], Graph], bool]] = {}

    def writes(
        self, *operators: type[O], where: Callable[[Node[O], Graph], bool] | None = None
    ) -> Callable[[Callable[[Node[O], B], None]], Callable[[Node[O], B], None]]:
        """Decorate the writer of `operators`, or only of their nodes for which `where` holds.

        Raises ValueError where one already has another.
        """
        names = [operator.name for operator in operators]
        if where is not None:
            self._where |= dict.fromkeys(names, where)
        return self.register(*names)

    def has(self, node: Node, graph: Graph) -> bool:
        """Return whether there is a writer for a node of a graph."""
        name = node.operator.name
        return name in self and (name not in self._where or self._where[name](node, graph))

    def always_has(self, name: str) -> bool:
        """Return whether there is a writer for every node of an operator."""
        return name in self and name not in self._where
