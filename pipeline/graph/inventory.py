"""The contents of a file as data: its modules, layers, nodes or operators, in the terms of its own format."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.graph import cost
from pipeline.graph.operators.operator import Operator
from pipeline.graph.operators.receptive_field import ReceptiveField
from pipeline.graph.operators.windows import Window
from pipeline.graph.values import Graph, Node, Shape, Value

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Measure:
    """What a part returns and costs: the shapes and bytes of its outputs, and their receptive `field`.

    `window` describes a convolution or pooling: its kernel, and strides, pads, dilations and groups if not the
    defaults.
    """

    shapes: tuple[Shape, ...]
    multiply_adds: int = 0
    activation_bytes: int = 0
    field: tuple[ReceptiveField, ...] | None = None
    parameters: int = 0
    window: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A module, layer, node or operator. `measure` is None if its shapes are unknown.

    `path` is its place in the tree of modules. `weights` are views of the file.
    """

    name: str
    kind: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Array] = field(default_factory=dict)
    parameters: int = 0
    path: tuple[str, ...] = ()
    origin: str = ""
    measure: Measure | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Something else in the file of a network, such as an option, at a `path` of `depth` steps. `size` is in bytes."""

    path: str
    kind: str
    value: str
    size: int
    depth: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """All parts of a file, in its order. `parts_are` is what they are called: "layers", "nodes"."""

    title: str
    format: str
    parts_are: str
    parts: tuple[Part, ...]
    inputs: Mapping[str, Shape | None] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    peak_bytes: int | None = None  # of activations held at the same time; None if the whole network could not be read
    nested: bool = False  # parts follow the parts that contain them
    contents: tuple[Held, ...] = ()  # if the file holds more than a network

    @property
    def parameters(self) -> int:
        """The number of parameters. A weight that several parts share counts once."""
        if not any(part.weights for part in self.parts):
            return sum(part.parameters for part in self.parts)
        seen = {_place(array): array.size for part in self.parts for array in part.weights.values()}
        return sum(seen.values())

    @property
    def multiply_adds(self) -> int:
        """The multiply-adds of all parts together."""
        return sum(part.measure.multiply_adds for part in self.parts if part.measure)

    @property
    def activation_bytes(self) -> int:
        """The bytes of the inputs and of all outputs of parts together."""
        listed = {part.name for part in self.parts}
        inputs = (math.prod(shape) for name, shape in self.inputs.items() if shape and name not in listed)
        given = sum(part.measure.activation_bytes for part in self.parts if part.measure)
        return given + sum(inputs) * 4

    def find(self, name: str) -> tuple[Part, ...]:
        """Return the parts called `name`, or else those at that path, or else those that make a blob of that name.

        Raises UsageError if there is none.
        """
        ways: Sequence[Callable[[Part], bool]] = (
            lambda part: part.name == name,
            lambda part: ".".join(part.path) == name,
            lambda part: name in part.outputs,
        )
        for is_meant in ways:
            if found := tuple(part for part in self.parts if is_meant(part)):
                return found
        close = get_close_matches(name, [part.name for part in self.parts], n=3)
        advice = f"did you mean {' or '.join(close)}?" if close else "torch2caffe2 inspect lists them all"
        raise UsageError(f"{self.title} has no part called {name}", advice=advice)


def _place(array: Array) -> tuple[object, ...]:
    interface = array.__array_interface__
    return interface["data"], array.shape, array.strides


def measured(graph: Graph, key: Callable[[Node], str]) -> dict[str, Measure]:
    """Measure the parts of a graph: nodes with the same `key` are one, and its outputs are those of the last node."""
    fields = cost.receptive_fields(graph)
    found = {value.name: _of_input(value, fields[value.name]) for value in graph.inputs}
    taken: dict[str, set[str]] = {}
    for node in graph.nodes:
        name = key(node)
        before, window = (found[name].multiply_adds, found[name].window) if name in taken else (0, "")
        weights = taken.setdefault(name, set())
        weights |= {value.name for value in node.inputs if value is not None and value.name in graph.weights}
        found[name] = Measure(
            tuple(value.shape for value in node.outputs),
            before + node.operator.multiply_adds(node),
            cost.activation_bytes(node),
            fields[node.output.name],
            sum(graph.weights[weight].size for weight in weights),
            _window(node.operator) or window,
        )
    return found


def _window(operator: Operator) -> str:
    """Return the window of an operator in words, as `3x3 stride 2 pad 1 groups 32`; "" if it has none.

    A single number stands for all axes, and for both sides of each axis.
    """
    if not isinstance(operator, Window):
        return ""
    told = ["x".join(map(str, operator.kernel_shape))]
    usual = (("stride", operator.strides, 1), ("pad", operator.pads, 0), ("dilation", operator.spacing, 1))
    for name, numbers, default in (*usual, ("groups", (getattr(operator, "group", 1),), 1)):
        if set(numbers) != {default}:
            told.append(f"{name} {numbers[0] if len(set(numbers)) == 1 else ','.join(map(str, numbers))}")
    return " ".join(told)


def _of_input(value: Value, seen: tuple[ReceptiveField, ...] | None) -> Measure:
    return Measure((value.shape,), 0, value.type.bytes, seen)


def peak_bytes(graph: Graph) -> int:
    """Return the largest number of bytes of activations that are needed at the same time, if nodes run in order."""
    last_use = {value.name: i for i, node in enumerate(graph.nodes) for value in node.inputs if value is not None}
    last_use |= {value.name: len(graph.nodes) for value in graph.outputs}
    alive = {value.name: value.type.bytes for value in graph.inputs}
    peak = held = sum(alive.values())
    for i, node in enumerate(graph.nodes):
        made = {value.name: value.type.bytes for value in node.outputs}
        alive |= made
        held += sum(made.values())
        peak = max(peak, held)
        for value in (*node.inputs, *node.outputs):
            if value is not None and last_use.get(value.name, -1) <= i:
                held -= alive.pop(value.name, 0)
    return peak


def count(arrays: Iterable[Array]) -> int:
    """Return the number of elements in arrays."""
    return sum(array.size for array in arrays)
