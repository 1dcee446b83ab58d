"""The neutral graph: values, the nodes between them, and where each node comes from. All frozen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeGuard

from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
    from typing_extensions import TypeVar  # which mypy knows; Python's own has `default` from 3.13 on

    from pipeline.graph.operators.operator import Operator

    O = TypeVar("O", bound=Operator)  # noqa: E741 - an operator
    O_co = TypeVar("O_co", bound=Operator, covariant=True, default=Operator)
else:
    from typing import TypeVar

    np = LazyModule("numpy")
    O_co = TypeVar("O_co", covariant=True)

Shape = tuple[int, ...]
Attribute = int | float | str | tuple[int, ...] | tuple[float, ...]

_BYTES = {"float32": 4, "int64": 8, "bool": 1}  # of an element


class TensorType(NamedTuple):
    """What shape inference finds out about one output: its static shape and its element type."""

    shape: Shape
    dtype: str = "float32"

    @property
    def bytes(self) -> int:
        """The bytes that its elements take."""
        return math.prod(self.shape) * _BYTES[self.dtype]


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor that flows between nodes, known by its unique name. `dtype` is float32, int64 or bool."""

    name: str
    shape: Shape
    dtype: str = "float32"

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def type(self) -> TensorType:
        """Shape and element type, without the name."""
        return TensorType(self.shape, self.dtype)


@dataclass(frozen=True, slots=True)
class Origin:
    """The place in the source that a node stands for: `features.3.branch[1]` and `nn.SpatialMaxPooling`."""

    path: str
    kind: str

    def __str__(self) -> str:
        return f"{self.path} ({self.kind})" if self.path else self.kind


@dataclass(frozen=True, slots=True)
class Node(Generic[O_co]):
    """One operation: `Node[Conv]` is one whose operator is a Conv (see `pipeline.graph.operators`)."""

    name: str
    operator: O_co
    inputs: tuple[Value | None, ...]
    outputs: tuple[Value, ...]
    origin: Origin

    @property
    def output(self) -> Value:
        """The only, or the first, output."""
        return self.outputs[0]

    def input(self, index: int) -> Value:
        """Return the input at `index`, which must be there."""
        value = self.inputs[index]
        if value is None:
            raise IndexError(f"{self.name} ({self.operator.name}) has no input {index}")
        return value

    def has_input(self, index: int) -> bool:
        """Return whether an optional input is given."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def taking(self, replacements: Mapping[str, Value]) -> Node:
        """Return the node that takes other values in place of those in `replacements`, by name."""
        inputs = tuple(value and replacements.get(value.name, value) for value in self.inputs)
        return self if inputs == self.inputs else replace(self, inputs=inputs)


def computes(node: Node, kind: type[O]) -> TypeGuard[Node[O]]:
    """Return whether the operator of a node is of a kind: `computes(node, Product)`."""
    return isinstance(node.operator, kind)


@dataclass(frozen=True, slots=True)
class Graph:
    """A network: nodes in an order in which they can run, and the weights they take.

    A weight is a value whose name is a key of `weights`; its array has the value's shape and any float (or
    integer) element type, and is usually a view of a mapped file.
    """

    name: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)

    def values(self) -> Iterator[Value]:
        """Return every value that a node makes, in running order."""
        for node in self.nodes:
            yield from node.outputs

    def producers(self) -> dict[str, Node]:
        """Map a value's name to the node that makes it."""
        return {value.name: node for node in self.nodes for value in node.outputs}

    def consumers(self) -> dict[str, list[Node]]:
        """Map a value's name to the nodes that take it; a node that takes it twice stands there twice."""
        users: dict[str, list[Node]] = {}
        for node in self.nodes:
            for value in node.inputs:
                if value is not None:
                    users.setdefault(value.name, []).append(node)
        return users
