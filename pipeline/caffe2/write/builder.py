"""The registry of writers, and the builder for them: a NetDef whose blobs have the names of the graph's values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.caffe2.files import Caffe2Net
from pipeline.caffe2.schema import Argument, NetDef, OperatorDef
from pipeline.graph.budget import Budget
from pipeline.graph.names import Names
from pipeline.graph.values import Graph, Node, Shape, Value
from pipeline.graph.writers import NetBuilder, Writers

Array = np.ndarray[Any, Any]
ArgumentValue = int | float | str | Sequence[int] | Sequence[float]
Step = tuple[str, Mapping[str, ArgumentValue]]  # an operator with one input, and its arguments

FLOAT, INT32, BOOL, INT64 = 1, 2, 5, 10  # TensorProto.DataType
TYPES = {"float32": FLOAT, "bool": BOOL, "int64": INT64}

# Further outputs that the schema of an operator requires.
_FURTHER_OUTPUTS = {
    "Reshape": ("old_shape",),
    "Concat": ("split_info",),
    "LayerNorm": ("mean", "stdev"),
}


class Caffe2Builder(NetBuilder):
    """Builds the net of a graph, node by node.

    A blob has the name of its value; other blobs of a node are called `<first output>_<part>`. Parameters are the
    weights that are used, under their own names, in the order of their first use.
    """

    title = "Caffe2"

    def __init__(self, graph: Graph) -> None:
        self._net = NetDef(name=graph.name)
        self._budget = Budget()
        self._budget.grow("weights", sum(array.nbytes for array in graph.weights.values()))
        self._weights = graph.weights
        self._parameters: dict[str, Array] = {}
        self._shaped: dict[tuple[str, Shape], str] = {}
        self._inputs = [value.name for value in graph.inputs]
        self._taken = Names((*self._inputs, *graph.weights, *(value.name for value in graph.values())))
        self._typed = {value.name: self._cast(value) for value in graph.inputs if value.dtype != "float32"}

    def _cast(self, value: Value) -> str:
        """Return the blob of an input cast to integers or bools, because Caffe2 is fed with float32."""
        name = self.unique(f"{value.name}_{value.dtype}")
        self.op("Cast", [value.name], [name], to=TYPES[value.dtype])
        return name

    # ---- What a writer takes ----

    def blob(self, value: Value) -> str:
        """Return the blob of a value. A weight becomes a parameter."""
        if value.name in self._weights:
            return self.shaped(value, value.shape)
        return self._typed.get(value.name, value.name)

    def blobs(self, values: Sequence[Value | None]) -> list[str]:
        """Return the blobs of those values that are not None."""
        return [self.blob(value) for value in values if value is not None]

    def array(self, value: Value) -> Array | None:
        """Return the numbers of a weight; None if the value is computed."""
        return self._weights.get(value.name)

    def shaped(self, value: Value, shape: Shape) -> str:
        """Return the blob of a value in another shape: a weight is stored in it, any other value is reshaped."""
        array = self.array(value)
        if array is None:
            blob = self.blob(value)
            return blob if value.shape == shape else self.step("Reshape", blob, part="shaped", shape=shape)
        key = (value.name, shape)
        if key not in self._shaped:
            first = value.name not in self._parameters
            name = value.name if first else self.unique(f"{value.name}_{'x'.join(map(str, shape))}")
            self._shaped[key] = name
            self._budget.spend("weights", array.nbytes, value.name)
            self._parameters[name] = array.reshape(shape)
        return self._shaped[key]

    def constant(self, array: Array, part: str) -> str:
        """Return the blob of a new parameter, called `<output>_<part>`."""
        name = self.unique(f"{self.current.output.name}_{part}")
        self._budget.spend("weights", array.nbytes, self.current.origin)
        self._parameters[name] = array
        return name

    # ---- What a writer makes ----

    def give(self, kind: str, /, *inputs: str, **arguments: ArgumentValue) -> None:
        """Add the operator that makes the node's outputs."""
        self.op(kind, inputs, [value.name for value in self.current.outputs], **arguments)

    def step(self, kind: str, /, *inputs: str, part: str, **arguments: ArgumentValue) -> str:
        """Add an intermediate operator, and return its output, called `<output>_<part>`."""
        name = self.unique(f"{self.current.output.name}_{part}")
        self.op(kind, inputs, [name], **arguments)
        return name

    def through(self, blob: str, steps: Sequence[Step], part: str = "") -> str:
        """Apply operators with one input each to a blob. The last one makes the node's output, or else `part`."""
        if not steps and part:
            return blob
        *before, last = steps or [("Copy", {})]
        for kind, arguments in before:
            blob = self.step(kind, blob, part=part or _PART.get(kind, kind.lower()), **arguments)
        if part:
            return self.step(last[0], blob, part=part, **last[1])
        self.give(last[0], blob, **last[1])
        return self.current.output.name

    def op(self, kind: str, inputs: Sequence[str], outputs: Sequence[str], /, **arguments: ArgumentValue) -> None:
        """Add any operator."""
        self._budget.spend("layers", 1, outputs[0])
        further = [self.unique(f"{outputs[0]}_{part}") for part in _FURTHER_OUTPUTS.get(kind, ())]
        operator = OperatorDef(type=kind, input=inputs, output=[*outputs, *further])
        operator.arg.extend(argument(name, value) for name, value in arguments.items())
        self._net.op.append(operator)

    def unique(self, name: str) -> str:
        """Return `name`, or the first of `name_2`, `name_3` ... that is free, and reserve it."""
        return self._taken.claim(name)

    # ---- What the walk over the nodes does ----

    def begin(self, node: Node) -> None:
        """Start to write a node. Raises UnsupportedError if it makes an empty value."""
        super().begin(node)
        if not all(value.size for value in node.outputs):
            self.refuse(f"{node.operator.name} makes an empty value")

    def close(self, outputs: Sequence[Value]) -> Caffe2Net:
        """Return the net, with data inputs before parameters. Each output is a blob of its own made by an operator."""
        made, given = {name for operator in self._net.op for name in operator.output}, dict[str, None]()
        for value in outputs:
            blob = value.name
            if blob not in made or blob in given:
                blob = self.unique(f"{value.name}_output")
                self.op("Copy", [self.blob(value)], [blob])
            given[blob] = None
        self._net.external_output.extend(given)
        self._net.external_input.extend([*self._inputs, *self._parameters])
        return Caffe2Net(self._net, dict(self._parameters))


# The names of blobs after a step, if not that of the operator.
_PART = {"PadImage": "padded", "ExpandDims": "expanded", "Slice": "cropped", "Reshape": "shaped", "Transpose": "turned"}


def argument(name: str, value: ArgumentValue) -> Argument:
    """Return an argument in the field that Caffe2 looks in: an integer in `i`, a float in `f`, even a whole one.

    >>> argument("alpha", 1.0).HasField("f"), list(argument("pads", (0, 1)).ints)
    (True, [0, 1])
    """
    if isinstance(value, int):
        return Argument(name=name, i=int(value))
    if isinstance(value, float):
        return Argument(name=name, f=value)
    if isinstance(value, str):
        return Argument(name=name, s=value.encode())
    if any(isinstance(number, float) for number in value):
        return Argument(name=name, floats=value)
    return Argument(name=name, ints=[int(number) for number in value])


WRITES: Writers[Caffe2Builder] = Writers("operator written to Caffe2")
writes = WRITES.writes
