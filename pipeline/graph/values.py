"""The classes of the neutral graph: values, the nodes between them, and the origin of each node. All are frozen."""

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
FLT_MAX = 3.4028234663852886e38  # larger numbers are infinite in float32

_BYTES = {"float32": 4, "int64": 8, "bool": 1}  # of an element
DTYPES = tuple(_BYTES)


class TensorType(NamedTuple):
    """The result of shape inference for one output: its static shape and its element type."""

    shape: Shape
    dtype: str = "float32"

    @property
    def bytes(self) -> int:
        """The size of the elements in bytes."""
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
    """The part of the original network that a node stands for: `features.3.branch[1]`, an `nn.SpatialMaxPooling`."""

    path: str
    kind: str

    def __str__(self) -> str:
        return f"{self.path} ({self.kind})" if self.path else self.kind


@dataclass(frozen=True, slots=True)
class Node(Generic[O_co]):
    """One operation. `Node[Conv]` is a node whose operator is a Conv (see `pipeline.graph.operators`)."""

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
        """Return the input at `index`. Raises IndexError if it is not given."""
        value = self.inputs[index]
        if value is None:
            raise IndexError(f"{self.name} ({self.operator.name}) has no input {index}")
        return value

    def has_input(self, index: int) -> bool:
        """Return whether an optional input is given."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def taking(self, replacements: Mapping[str, Value]) -> Node:
        """Return the node with other inputs, where `replacements` has one for the name of an input."""
        inputs = tuple(value and replacements.get(value.name, value) for value in self.inputs)
        return self if inputs == self.inputs else replace(self, inputs=inputs)


def computes(node: Node, kind: type[O]) -> TypeGuard[Node[O]]:
    """Return whether the operator of a node is of a class: `computes(node, Product)`."""
    return isinstance(node.operator, kind)


@dataclass(frozen=True, slots=True)
class Graph:
    """A network: nodes in an order in which they can run, and their weights.

    A weight is a value whose name is a key of `weights`. Its array has the shape of the value and any float (or
    integer) element type, and is usually a view of a mapped file.
    """

    name: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)

    def values(self) -> Iterator[Value]:
        """Yield the outputs of all nodes, in order."""
        for node in self.nodes:
            yield from node.outputs

    def producers(self) -> dict[str, Node]:
        """Return the node that makes each value, by the name of the value."""
        return {value.name: node for node in self.nodes for value in node.outputs}

    def consumers(self) -> dict[str, list[Node]]:
        """Return the nodes that use each value, by the name of the value. A node that uses it twice is listed twice."""
        users: dict[str, list[Node]] = {}
        for node in self.nodes:
            for value in node.inputs:
                if value is not None:
                    users.setdefault(value.name, []).append(node)
        return users
