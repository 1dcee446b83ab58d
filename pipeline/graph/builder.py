"""Builds a graph node by node. The shape of every value is inferred as soon as its node is added."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from pipeline.graph.budget import Budget
from pipeline.graph.names import Names
from pipeline.graph.operators import Operator, Reshape, ShapeError, operator_of
from pipeline.graph.values import Attribute, Graph, Node, Origin, Shape, Value

NOWHERE = Origin("", "")


class Builder:
    """Collects nodes in the order in which they run, names them, and infers the shapes of their outputs.

    Nodes are named after the place they come from, which `at` sets. If a place becomes several nodes, all but the last
    are named with a `part`: `3_LogSoftMax_exp`, ..., `3_LogSoftMax`.
    """

    def __init__(self, name: str = "", taken: Names | None = None, budget: Budget | None = None) -> None:
        self.name = name
        self.budget = Budget() if budget is None else budget
        self.weights: dict[str, np.ndarray] = {}
        self._inputs: list[Value] = []
        self._nodes: list[Node] = []
        self._taken = Names() if taken is None else taken
        self._tied: dict[tuple[object, ...], Value] = {}
        self._place = ""
        self._origin = NOWHERE

    @property
    def origin(self) -> Origin:
        """The origin of the nodes that are being added."""
        return self._origin

    @property
    def size(self) -> int:
        """The number of nodes."""
        return len(self._nodes)

    def sources(self, value: Value) -> set[str]:
        """Return the names of the inputs that a value is computed from."""
        wanted = {value.name}
        for node in reversed(self._nodes):
            if any(output.name in wanted for output in node.outputs):
                wanted |= {x.name for x in node.inputs if x is not None}
        return {x.name for x in self._inputs if x.name in wanted}

    @contextmanager
    def at(self, place: str, origin: Origin) -> Iterator[None]:
        """Name the nodes that are added inside the block after `place`, and give them this `origin`."""
        before = self._place, self._origin
        self._place, self._origin = place, origin
        try:
            yield
        finally:
            self._place, self._origin = before

    def unique(self, name: str) -> str:
        """Claim `name`, or the first of `name_2`, `name_3` ... that is free."""
        return self._taken.claim(name)

    def input(self, name: str, shape: Shape, dtype: str = "float32") -> Value:
        """Declare an input of the network. Raises OverBudget if it is too large."""
        value = Value(self.unique(name), tuple(shape), dtype)
        self.budget.grow("activations", self.budget.value(value.type, name))
        self._inputs.append(value)
        return value

    def weight(self, array: np.ndarray, part: str = "weight", *, name: str = "") -> Value:
        """Make a constant of `array`, named `<place>_<part>` or `name`.

        The same view of the same memory returns the same value again, so that tied weights stay tied. Raises OverBudget
        if all weights together are too large.
        """
        key = (array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str)
        if array.size and key in self._tied:
            return self._tied[key]
        dtype = "float32" if array.dtype.kind == "f" else "int64"
        value = Value(self.unique(name or f"{self._place}_{part}"), tuple(array.shape), dtype)
        self.budget.spend("weights", value.type.bytes, self._origin)
        self.weights[value.name] = array
        self._tied[key] = value
        return value

    def constant(self, number: float, part: str = "constant") -> Value:
        """Make a constant of shape ()."""
        return self.weight(np.array(number, np.float32), part)

    def add(
        self,
        operator: Operator | str,
        *inputs: Value | None,
        part: str = "",
        name: str = "",
        outputs: Sequence[str] = (),
        **attributes: Attribute,
    ) -> Value:
        """Add a node and return its first output. See `add_many`."""
        return self.add_many(operator, *inputs, part=part, name=name, outputs=outputs, **attributes)[0]

    def add_many(
        self,
        operator: Operator | str,
        *inputs: Value | None,
        part: str = "",
        name: str = "",
        outputs: Sequence[str] = (),
        **attributes: Attribute,
    ) -> tuple[Value, ...]:
        """Add a node and return its outputs, whose shapes are inferred.

        The node is called `name`, or else `<place>_<part>`, or else `<place>`. Its outputs are called `outputs`, or
        else as the node: `<node>`, `<node>_2` and so on. The operator is an object, `LeakyRelu(alpha=0.1)`, or a name
        with attributes. Raises ShapeError, with the node's origin, if the operator cannot take these inputs; TypeError
        for an unknown attribute; OverBudget if the network becomes too large.
        """
        made = operator_of(operator, attributes)
        try:
            types = made.output_types(*inputs)
        except ShapeError as error:
            raise ShapeError(f"{self._origin}: {made.name}: {error}") from None
        wanted = name or (f"{self._place}_{part}" if part else self._place)
        names = [self.unique(n) for n in outputs] if outputs else [self.unique(wanted) for _ in types]
        values = tuple(Value(n, tuple(t.shape), t.dtype) for n, t in zip(names, types, strict=True))
        node_name = wanted if outputs else names[0]
        node = Node(node_name, made, tuple(inputs), values, self._origin)
        self.budget.node(node)
        self._nodes.append(node)
        return values

    def reshape(self, x: Value, shape: Shape, part: str = "") -> Value:
        """Reshape `x`, unless it has that shape already.

        Leading dimensions that stay the same are written as 0, which copies them, so that the batch size remains free.
        """
        if tuple(shape) == x.shape:
            return x
        kept = 0
        while kept < min(len(shape), x.rank) and shape[kept] == x.shape[kept]:
            kept += 1
        return self.add(Reshape(shape=(0,) * kept + tuple(shape[kept:])), x, part=part)

    def finish(self, outputs: Sequence[Value]) -> Graph:
        """Return the graph, without weights that no node uses."""
        used = {value.name for node in self._nodes for value in node.inputs if value is not None}
        used |= {value.name for value in outputs}
        weights = {name: array for name, array in self.weights.items() if name in used}
        return Graph(self.name, tuple(self._inputs), tuple(outputs), tuple(self._nodes), weights)
