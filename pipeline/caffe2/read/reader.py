"""The registry of operators, and the builder for their readers: a graph whose values have the names of blobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.caffe2.read.operator import OperatorReader
from pipeline.graph.operators import Operator as GraphOperator
from pipeline.graph.operators import Reshape
from pipeline.graph.readers import MissingValue, NetReader, Readers
from pipeline.graph.values import Attribute, Graph, Origin, Shape, Value

Array = np.ndarray[Any, Any]

# The outputs that matter, of operators with others: the old shape, the place of each input, masks, statistics.
_OUTPUTS = {
    "Reshape": (0,),
    "Concat": (0,),
    "LRN": (0,),
    "Dropout": (0,),
    "LayerNorm": (0,),
    "InstanceNorm": (0,),
    "SpatialBN": (0,),
    "TopK": (0, 1),
    "BoxWithNMSLimit": (0, 4),
}


class Caffe2Reader(NetReader):
    """Builds the graph of a net, operator by operator.

    A value has the name of its blob. If several operators write one blob (in place), the value of the last one has this
    name, and earlier ones are called `<blob>_<type>`; but an input or parameter always keeps its name.
    """

    def __init__(self, name: str, weights: Mapping[str, Array], inputs: Mapping[str, Shape]) -> None:
        super().__init__(name)
        self.budget.grow("weights", sum(array.nbytes for array in weights.values() if 0 not in array.strides))
        self._parameters = {blob: array for blob, array in weights.items() if blob not in inputs}
        self._blobs = {blob: self.input(blob, shape) for blob, shape in inputs.items()}
        self._writes: Counter[str] = Counter()
        self._fixed: set[str] = set()  # blobs that are inputs or parameters, whose names no operator gets
        self._operator: OperatorReader | None = None
        self._names: list[str] = []

    # ---- What a reader takes ----

    def value(self, blob: str) -> Value:
        """Return the current value of a blob. A parameter becomes a weight. Raises MissingValue."""
        if blob not in self._blobs and blob in self._parameters:
            self._blobs[blob] = self._weight(blob, self._parameters[blob])
        if blob not in self._blobs:
            raise MissingValue(blob)
        return self._blobs[blob]

    def values(self, blobs: Sequence[str]) -> list[Value]:
        """Return the current values of several blobs. Raises MissingValue."""
        return [self.value(blob) for blob in blobs]

    def array(self, blob: str) -> Array | None:
        """Return the numbers of a parameter that has not been overwritten; None for any other blob."""
        untouched = blob not in self._blobs or self._blobs[blob].name in self.weights
        return self._parameters.get(blob) if untouched else None

    def shaped(self, blob: str, shape: Shape, part: str = "shaped") -> Value:
        """Return the value of a blob in another shape: a view of a parameter, or else the output of a Reshape."""
        array = self.array(blob)
        if array is None or array.shape == shape:
            return self.reshape(self.value(blob), shape, part)
        return self._weight(blob, array.reshape(shape))

    def _weight(self, blob: str, array: Array) -> Value:
        if blob not in self.weights:
            self._taken.discard(blob)  # reserved for this
        return self.weight(array, name=blob)

    # ---- What a reader makes ----

    def give(self, operator: GraphOperator | str, *inputs: Value | None, **attributes: Attribute) -> None:
        """Add the node that makes the operator's outputs. Raises ShapeError if its inputs do not fit."""
        blobs, names = self._current.outputs, self._names
        read = [i for i in _OUTPUTS.get(self._current.type, range(len(names))) if i < len(names)]
        self._taken.difference_update(names)  # reserved for this
        values = self.add_many(operator, *inputs, part="", name="", outputs=[names[i] for i in read], **attributes)
        self._taken.update(names)
        self.forget(blobs)
        self._blobs.update(zip([blobs[i] for i in read], values, strict=False))

    def give_as(self, x: Value, shape: Shape) -> None:
        """Add a Reshape of `x`, which keeps the number of elements, as the node that makes the operator's output."""
        kept = 0
        while kept < min(len(shape), x.rank) and shape[kept] == x.shape[kept]:
            kept += 1
        self.give(Reshape(shape=(0,) * kept + tuple(shape[kept:])), x)

    # ---- What the walk over the operators does ----

    def reserve(self, operators: Sequence[OperatorReader]) -> None:
        """Reserve the names of all blobs for their values, before other values get names."""
        self._writes = Counter(blob for operator in operators for blob in operator.outputs)
        self._taken.update(self._writes, self._parameters)
        self._fixed = {*self._parameters, *(value.name for value in self._inputs)}

    def read(self, operator: OperatorReader, reader: Callable[[OperatorReader, Caffe2Reader], None]) -> None:
        """Call the reader of an operator, which adds nodes whose outputs have the final names of the values."""
        if operator.word("order", "NCHW") != "NCHW":
            operator.refuse(f"argument {operator.type}.order is not NCHW")
        self._operator, self._names = operator, []
        for blob in operator.outputs:
            self._writes[blob] -= 1
            final = not self._writes[blob] and blob not in self._fixed
            self._names.append(blob if final else self.unique(f"{blob}_{operator.type}"))
        with self.at(self._names[0], Origin(operator.outputs[0], operator.type)):
            reader(operator, self)

    def forget(self, names: Sequence[str]) -> None:
        """Forget the values of blobs, because the operator that overwrites them could not be read."""
        for blob in names:
            self._blobs.pop(blob, None)

    def close(self, outputs: Sequence[str]) -> Graph:
        """Return the graph whose outputs are these blobs. Raises MissingValue."""
        return self.finish(self.values(outputs))

    @property
    def _current(self) -> OperatorReader:
        assert self._operator is not None
        return self._operator


READS: Readers[OperatorReader, Caffe2Reader] = Readers("Caffe2 operator")
reads = READS.register
