"""What the writers of all formats have in common: a function for each operator, and the walk over the nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

from pipeline.errors import Problem, UnsupportedError
from pipeline.graph.expansions import expanded
from pipeline.graph.operators import Operator
from pipeline.graph.registry import Registry
from pipeline.graph.values import Graph, Node


class NetBuilder:
    """Collects what the writers of a format make. It knows which node is being written."""

    title: ClassVar[str]  # of the format, in messages
    _node: Node | None = None

    def begin(self, node: Node) -> None:
        """Start to write a node. Raises UnsupportedError where no node like it can be written."""
        self._node = node

    def stand_in(self, node: Node) -> None:
        """Continue after a node that was refused, so that later nodes are checked too."""

    def refuse(self, reason: str, advice: str = "") -> NoReturn:
        """Raise UnsupportedError for the node that is being written."""
        node = self._node
        origin = (str(node.origin) or f"{node.name} ({node.operator.name})") if node else "network"
        raise UnsupportedError.one(origin, reason, advice)

    @property
    def current(self) -> Node:
        """The node that is being written."""
        assert self._node is not None
        return self._node


B = TypeVar("B", bound=NetBuilder)
O = TypeVar("O", bound=Operator)  # noqa: E741 - an operator


class Writers(Registry[Callable[[Node[Any], B], None]], Generic[B]):
    """The writers of a format, by operator. Other operators are expanded (see `pipeline.graph.expansions`)."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self._where: dict[str, Callable[[Node[Any], Graph], bool]] = {}

    def writes(
        self, *operators: type[O], where: Callable[[Node[O], Graph], bool] | None = None
    ) -> Callable[[Callable[[Node[O], B], None]], Callable[[Node[O], B], None]]:
        """Decorate the writer of `operators`, or of only those of their nodes for which `where` holds.

        Raises ValueError if an operator already has a writer.
        """
        names = [operator.name for operator in operators]
        if where is not None:
            self._where |= dict.fromkeys(names, where)
        return self.register(*names)

    def has(self, node: Node, graph: Graph) -> bool:
        """Return whether there is a writer for a node of a graph."""
        name = node.operator.name
        return name in self and (name not in self._where or self._where[name](node, graph))

    def write(self, graph: Graph, builder: Callable[[Graph], B]) -> tuple[Graph, B]:
        """Return a graph, expanded to nodes that have writers, and the builder into which they have written.

        Raises UnsupportedError with everything that the format cannot express.
        """
        graph = expanded(graph, self.has)
        net, problems = builder(graph), list[Problem]()
        for node in graph.nodes:
            try:
                net.begin(node)
                if not self.has(node, graph):
                    net.refuse(f"{node.operator.name} has no counterpart in {net.title}")
                self[node.operator.name](node, net)
            except UnsupportedError as error:
                problems += error.problems
                net.stand_in(node)
        if problems:
            raise UnsupportedError(tuple(problems))
        return graph, net
