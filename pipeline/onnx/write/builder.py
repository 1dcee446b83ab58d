"""The registry of writers, and the builder for them: a GraphProto whose values have the names of the graph's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.graph.names import Names
from pipeline.graph.values import Attribute, Graph, Value
from pipeline.graph.writers import NetBuilder, Writers
from pipeline.onnx.schema import AttributeProto, GraphProto, NodeProto

Array = np.ndarray[Any, Any]


class OnnxBuilder(NetBuilder):
    """Builds the nodes of a graph, one by one.

    Values, nodes and weights have the names of the graph; an attribute that is an input in ONNX becomes a constant
    called `<node>_<attribute>`. Only weights that are used are written, in the order of their first use.
    """

    title = "ONNX"

    def __init__(self, graph: Graph) -> None:
        self.graph = GraphProto(name=graph.name or "network")  # a GraphProto must have a name
        self.weights: dict[str, Array] = {}
        self._given = graph.weights
        self._taken = Names(value.name for value in (*graph.inputs, *graph.values()))
        self._taken.update(graph.weights)

    # ---- What a writer takes ----

    def name(self, value: Value | None) -> str:
        """Return the name of a value; "" for None, an input that is not given. A weight becomes an initializer."""
        if value is None:
            return ""
        if value.name in self._given:
            self.weights.setdefault(value.name, self._given[value.name])
        return value.name

    def constant(self, array: Array, part: str) -> str:
        """Return the name of a new weight, `<node>_<part>`."""
        name = self._taken.claim(f"{self.current.name}_{part}")
        self.weights[name] = array
        return name

    # ---- What a writer makes ----

    def give(self, inputs: Sequence[str], **attributes: Attribute) -> None:
        """Add the operator of the same name as the node's, which makes its outputs."""
        node = self.current
        self.node(node.operator.name, inputs, [value.name for value in node.outputs], node.name, **attributes)
        self.graph.node[-1].doc_string = str(node.origin)

    def node(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], name: str, /, **attributes: Attribute
    ) -> None:
        """Add any operator. Inputs at the end that are not given are left out."""
        given = list(inputs)
        while given and not given[-1]:
            given.pop()
        made = NodeProto(op_type=kind, input=given, output=outputs, name=name)
        made.attribute.extend(attribute(key, value) for key, value in attributes.items())
        self.graph.node.append(made)

    # ---- The end of the network ----

    def outputs(self, values: Sequence[Value]) -> list[str]:
        """Return the names of the outputs of the network, each of which is made a value of its own by a node."""
        made = {name for node in self.graph.node for name in node.output}
        found: list[str] = []
        for value in values:
            name = value.name
            if name not in made or name in found:
                name = self._taken.claim(f"{value.name}_output")
                self.node("Identity", [self.name(value)], [name], name)
            found.append(name)
        return found


def attribute(name: str, value: Attribute) -> AttributeProto:
    """Return an attribute, with its value in the field of its type.

    >>> attribute("alpha", 1.0).f, list(attribute("pads", (0, 1)).ints)
    (1.0, [0, 1])
    """
    if isinstance(value, int):
        return AttributeProto(name=name, type=AttributeProto.INT, i=value)
    if isinstance(value, float):
        return AttributeProto(name=name, type=AttributeProto.FLOAT, f=value)
    if isinstance(value, str):
        return AttributeProto(name=name, type=AttributeProto.STRING, s=value.encode())
    if any(isinstance(number, float) for number in value):
        return AttributeProto(name=name, type=AttributeProto.FLOATS, floats=value)
    return AttributeProto(name=name, type=AttributeProto.INTS, ints=[int(number) for number in value])


WRITES: Writers[OnnxBuilder] = Writers("operator written to ONNX")
writes = WRITES.writes
