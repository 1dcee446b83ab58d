"""The registry of operators that Caffe can express, and the builder for their writers: layers and blobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np

from pipeline.graph.budget import Budget
from pipeline.graph.names import Names
from pipeline.graph.values import Graph, Node, Shape, Value
from pipeline.graph.writers import NetBuilder, Writers

Array = np.ndarray[Any, Any]

LARGEST = (1 << 31) - 1  # elements of a blob, since Caffe counts them in an int


@dataclass(frozen=True, slots=True, eq=False)
class Blob:
    """A tensor between layers. Only the builder knows its name."""

    shape: Shape

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A blob of weights in a layer. `array` makes the numbers only when they are written.

    `source` is the name of the weight if the numbers are unchanged, though perhaps in another shape. Parameters with
    the same source are shared between layers.
    """

    shape: Shape
    array: Callable[[], Array]
    source: str = ""

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    def scalar(self) -> float:
        """Return the number in a parameter of one element."""
        return float(self.array().reshape(-1)[0])

    def reshaped(self, shape: Shape) -> Parameter:
        """Return a parameter with the same numbers in another shape."""
        return Parameter(shape, lambda: self.array().reshape(shape), self.source)

    def broadcast(self, shape: Shape) -> Parameter:
        """Return a parameter that is broadcast to `shape` by numpy's rule."""
        if shape == self.shape:
            return self
        return Parameter(shape, lambda: np.broadcast_to(self.array(), shape))

    def map(self, function: Callable[[Array], Array], shape: Shape | None = None) -> Parameter:
        """Return a parameter with the results of a function of the array, in the same shape or in `shape`."""
        return Parameter(self.shape if shape is None else shape, lambda: function(self.array()))


@dataclass(slots=True, eq=False)
class Layer:
    """A layer that is being built. Its parameter messages are dicts for protobuf's constructors."""

    name: str
    kind: str
    bottoms: tuple[Blob, ...]
    tops: tuple[Blob, ...]
    parameters: tuple[Parameter, ...]
    messages: Mapping[str, Mapping[str, Any]]
    comment: str


class CaffeBuilder(NetBuilder):
    """Collects the layers of a net, and knows the blobs of the values of the graph.

    The layer that makes the value of a node has the name of the node; other layers for the node are called
    `<node>_<part>`. The blob of a value has the name of the value.
    """

    title = "Caffe 1.0"

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.budget = Budget()
        self.budget.grow("weights", sum(array.nbytes for array in graph.weights.values()))
        self.layers: list[Layer] = []
        self.names: dict[Blob, str] = {}
        self.used = frozenset(graph.consumers()) | {value.name for value in graph.outputs}
        self._blobs: dict[str, Blob] = {}
        self._made: dict[Blob, Layer] = {}
        self._layer_names = {value.name for value in graph.inputs}
        self._taken = Names(node.name for node in graph.nodes)
        self._taken.update((value.name for value in graph.values()), self._layer_names, graph.weights)
        for value in graph.inputs:
            self._blobs[value.name] = self._named(Blob(value.shape), value.name)

    # ---- What writers take ----

    def blob(self, value: Value) -> Blob:
        """Return the blob of a value. For a weight, a layer that holds it is added."""
        if value.name not in self._blobs:
            self._blobs[value.name] = self._weight_layer(value)
        return self._blobs[value.name]

    def parameter(self, value: Value) -> Parameter | None:
        """Return a weight as a parameter; None for a computed value."""
        if value.name not in self.graph.weights:
            return None
        return Parameter(value.shape, partial(self.graph.weights.__getitem__, value.name), value.name)

    def operand(self, value: Value) -> Blob | Parameter:
        """Return a weight as a parameter, and any other value as a blob."""
        return self.parameter(value) or self.blob(value)

    def weights(self, node: Node, index: int, what: str) -> Parameter:
        """Return an input that must be a weight. Raises UnsupportedError if it is computed."""
        found = self.parameter(node.input(index))
        return found or self.refuse(f"its {what} are computed while the network runs; Caffe's are part of the layer")

    def is_used(self, value: Value) -> bool:
        """Return whether a node takes the value, or it is an output of the graph."""
        return value.name in self.used

    # ---- What writers make ----

    def layer(
        self,
        kind: str,
        bottoms: Sequence[Blob],
        shape: Shape | None = None,
        *,
        part: str = "",
        parameters: Sequence[Parameter] = (),
        **messages: Mapping[str, Any],
    ) -> Blob:
        """Add a layer, and return its only top, of `shape`, by default that of the first bottom."""
        shapes = [bottoms[0].shape if shape is None else shape]
        return self.layer_many(kind, bottoms, shapes, part=part, parameters=parameters, **messages)[0]

    def layer_many(
        self,
        kind: str,
        bottoms: Sequence[Blob],
        shapes: Sequence[Shape],
        *,
        part: str = "",
        parameters: Sequence[Parameter] = (),
        **messages: Mapping[str, Any],
    ) -> tuple[Blob, ...]:
        """Add a layer, and return its tops, one for each of `shapes`. They are named after `part`, or else the type."""
        node = self._node
        comment = str(node.origin) if node else ""
        self.budget.check("values", max(len(bottoms), len(shapes)), comment)
        for shape in shapes:
            self._check_size(shape)
        for message in messages.values():
            self._check_numbers(message)
        place = (node.name or node.operator.name) if node else ""
        name = self._taken.claim(f"{place}_{part or kind.lower()}")
        tops = tuple(Blob(tuple(shape)) for shape in shapes)
        for index, top in enumerate(tops):
            self._named(top, name if len(tops) == 1 else self._taken.claim(f"{name}_{index + 1}"))
        self.budget.spend("layers", 1, comment)
        self.budget.spend("weights", 4 * sum(parameter.size for parameter in parameters), comment)
        layer = Layer(name, kind, tuple(bottoms), tops, tuple(parameters), messages, comment)
        self.layers.append(layer)
        self._made.update(dict.fromkeys(tops, layer))
        return tops

    def give(self, node: Node, *blobs: Blob | None) -> None:
        """End a node: its outputs are these blobs, which get the names of the values. None stands for an unused output.

        If a blob already belongs to another value, then a layer that copies it is added.
        """
        for index, (value, blob) in enumerate(zip(node.outputs, blobs, strict=True)):
            if blob is None:
                continue
            given = blob if blob in self._made else self.layer("Split", [blob])
            if given.shape != value.shape:
                raise ValueError(f"{node.operator.name} {node.name} gives {given.shape} instead of {value.shape}")
            layer = self._made.pop(given)
            if index == 0:
                layer.name = self._unique_layer(node.name or node.operator.name)
            self._blobs[value.name] = self._named(given, value.name)

    # ---- What the walk over the nodes does ----

    def begin(self, node: Node) -> None:
        """Start to write a node, after which the layers added from now on are named."""
        super().begin(node)
        self._made = {}

    def stand_in(self, node: Node) -> None:
        """Make a blob for each output of a node that was refused, so that later nodes are checked, too."""
        for value in node.outputs:
            self._blobs[value.name] = self._named(Blob(value.shape), value.name)

    def outputs(self) -> tuple[Blob, ...]:
        """End the net, and return the blobs of the outputs in the order of the graph.

        The outputs of a Caffe net are the blobs that no layer consumes. So an output that is consumed, too, gets a copy
        by a Split, and other blobs that no layer consumes go into a Silence. Second and later tops of a layer get a
        copy, too, because OpenCV returns the first top if it is asked for them by name.
        """
        self._node, self._made = None, {}
        wanted = [self.blob(value) for value in self.graph.outputs]
        consumed = Counter(bottom for layer in self.layers for bottom in layer.bottoms)
        firsts = {layer.tops[0] for layer in self.layers}
        given: dict[Blob, None] = {}
        for value, blob in zip(self.graph.outputs, wanted, strict=True):
            free = not consumed[blob] and wanted.count(blob) == 1 and blob in firsts
            given[blob if free else self._passed_on(blob, value)] = None
        consumed = Counter(bottom for layer in self.layers for bottom in layer.bottoms)
        dead = [blob for blob in self.names if not consumed[blob] and blob not in given]
        if dead:
            name = self._taken.claim("silence")
            self.layers.append(Layer(name, "Silence", tuple(dead), (), (), {}, "what nothing uses"))
        return tuple(given)

    def _passed_on(self, blob: Blob, value: Value) -> Blob:
        name = self._taken.claim(f"{value.name}_output")
        top = self._named(Blob(blob.shape), name)
        self.layers.append(Layer(name, "Split", (blob,), (top,), (), {}, "an output of the network"))
        return top

    def _weight_layer(self, value: Value) -> Blob:
        parameter = self.parameter(value)
        if parameter is None:
            raise KeyError(f"{value.name} is used before it is made")
        self._check_size(value.shape)
        top = self._named(Blob(value.shape), value.name)
        message = {"parameter_param": {"shape": {"dim": value.shape}}}
        name = self._unique_layer(value.name)
        self.layers.append(Layer(name, "Parameter", (), (top,), (parameter,), message, "a constant"))
        return top

    def _check_size(self, shape: Shape) -> None:
        if not 0 < prod(shape) <= LARGEST:
            self.refuse(f"it needs a blob of shape {shape}, and Caffe's hold 1 to {LARGEST:,} numbers")

    def _check_numbers(self, message: Mapping[str, Any]) -> None:
        """Raise UnsupportedError for numbers that the integer fields of a prototxt cannot hold."""
        for name, value in message.items():
            for number in value if isinstance(value, list | tuple) else (value,):
                if isinstance(number, int) and abs(number) > LARGEST:
                    self.refuse(f"{name} would be {number:,}, and a prototxt's numbers end at {LARGEST:,}")

    def _named(self, blob: Blob, name: str) -> Blob:
        self.names[blob] = name
        return blob

    def _unique_layer(self, name: str) -> str:
        if name in self._layer_names:
            return self._taken.claim(name)
        self._layer_names.add(name)
        return name


WRITES: Writers[CaffeBuilder] = Writers("operator written to Caffe")
writes = WRITES.writes
