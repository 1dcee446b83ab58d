"""The registry of operators, and the builder for their readers: a graph whose values have the names of the model's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.graph.operators import Operator as GraphOperator
from pipeline.graph.readers import MissingValue, NetReader, Readers
from pipeline.graph.values import Graph, Origin, TensorType, Value
from pipeline.onnx.read.operator import Operator

Array = np.ndarray[Any, Any]


class OnnxReader(NetReader):
    """Builds the graph of a model, node by node."""

    def __init__(
        self,
        name: str,
        weights: Mapping[str, Array],
        inputs: Mapping[str, TensorType],
        origins: Mapping[str, Origin],  # of the nodes, by name
    ) -> None:
        super().__init__(name)
        self._origins = origins
        self._held = weights
        self._values = {name: self.input(name, *kind) for name, kind in inputs.items()}
        self._operator: Operator | None = None

    def value(self, name: str) -> Value | None:
        """Return a value, or add a weight; None for "", an input that is not given. Raises MissingValue."""
        if not name:
            return None
        if name not in self._values and name in self._held:
            self._values[name] = self.weight(self._held[name], name=name)
        if name not in self._values:
            raise MissingValue(name)
        return self._values[name]

    def array(self, name: str) -> Array | None:
        """Return the numbers of a weight; None if this is no name of a weight."""
        return self._held.get(name)

    def give(self, operator: GraphOperator, inputs: Sequence[str]) -> None:
        """Add the node that makes the operator's outputs. Raises ShapeError if its inputs do not fit."""
        assert self._operator is not None
        read = self._operator
        values = self.add_many(operator, *map(self.value, inputs), name=read.name, outputs=read.outputs)
        self._values.update(zip(read.outputs, values, strict=True))

    def read(self, operator: Operator, reader: Callable[[Operator, OnnxReader], None]) -> None:
        """Call the reader of a node, which adds it."""
        self._operator = operator
        origin = self._origins.get(operator.name, Origin(operator.name, operator.type))
        with self.at(operator.name, origin):
            reader(operator, self)

    def close(self, outputs: Sequence[str]) -> Graph:
        """Return the graph whose outputs are these values. Raises MissingValue."""
        found = [self.value(name) for name in outputs]
        return self.finish([value for value in found if value is not None])


READS: Readers[Operator, OnnxReader] = Readers("ONNX operator")
reads = READS.register
