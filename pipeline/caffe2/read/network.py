"""Reads a Caffe2 network as a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.caffe2.files import Caffe2Net
from pipeline.caffe2.read.operator import OperatorReader
from pipeline.caffe2.read.reader import READS, Caffe2Reader
from pipeline.errors import InvalidInputError, UsageError
from pipeline.graph.readers import MissingValue
from pipeline.graph.values import Graph, Shape


def read(net: Caffe2Net, input_shapes: Mapping[str, Shape]) -> Graph:
    """Return a network as a graph. `input_shapes` are those of the data inputs by blob, since a NetDef has no shapes.

    Inputs keep the order of external_input in the net. Raises UnsupportedError with every operator and argument that is
    not understood, InvalidInputError if operators do not fit each other, UsageError if the given inputs are not those
    of the net.
    """
    operators = [OperatorReader(definition) for definition in net.predict.op]
    inputs = _inputs(net, operators, input_shapes)
    graph = Caffe2Reader(net.predict.name, net.weights, inputs)
    graph.reserve(operators)
    READS.read(operators, graph)
    outputs = list(net.predict.external_output) or list(operators[-1].outputs[:1])
    try:
        return graph.close(outputs)
    except MissingValue as error:
        raise InvalidInputError(f"the net does not make its output {error}") from error


def _inputs(net: Caffe2Net, operators: Sequence[OperatorReader], input_shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """Return the data inputs in order. Raises UsageError if they are not exactly those that the net needs."""
    if not operators:
        raise InvalidInputError("the net holds no operator")
    made: set[str] = set()
    needed: dict[str, None] = {}
    for operator in operators:
        if not operator.outputs:
            raise InvalidInputError(f"an operator {operator.type} has no output")
        needed.update((blob, None) for blob in operator.inputs if blob not in made)
        made.update(operator.outputs)
    known = dict.fromkeys((*net.predict.external_input, *needed))
    for blob in input_shapes:
        if blob not in known:
            raise UsageError(f"the net has no input {blob}", advice=f"it takes {', '.join(known)}")
    missing = [blob for blob in needed if blob not in net.weights and blob not in input_shapes]
    if missing:
        raise UsageError(
            f"the shape of input {missing[0]} is not known",
            why="a NetDef does not tell the shapes of its inputs",
            advice=f"--input {missing[0]}=... with its sizes joined by x",
        )
    return {blob: tuple(input_shapes[blob]) for blob in known if blob in input_shapes}
