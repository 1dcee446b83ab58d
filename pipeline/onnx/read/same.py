"""Operators that the graph has under the same name."""

from __future__ import annotations

from typing import Any

from pipeline.graph.operators import BatchNormalization, InstanceNormalization, LayerNormalization
from pipeline.graph.operators import Operator as GraphOperator
from pipeline.onnx.forms import AS_INPUTS, SAME
from pipeline.onnx.read.operator import Operator
from pipeline.onnx.read.reader import OnnxReader, reads

_WITH_AFFINE: tuple[type[GraphOperator], ...] = (BatchNormalization, InstanceNormalization, LayerNormalization)
_OPERATORS = {operator.name: operator for operator in SAME + _WITH_AFFINE}


@reads(*_OPERATORS)
def same(op: Operator, net: OnnxReader) -> None:
    """Read the operator with its attributes, including those that are inputs after the only one with data."""
    operator = _OPERATORS[op.type]
    inputs, names = op.inputs, AS_INPUTS.get(operator, ())
    attributes: dict[str, Any] = {name: op.attribute(name) for name in operator.kinds if name not in names}
    for name, given in zip(names, inputs[1:], strict=False):
        attributes[name] = number(op, net, given, name, operator.kinds[name])
    found = {name: value for name, value in attributes.items() if value is not None}
    if missing := sorted(operator.required - found.keys()):
        op.refuse(f"{op.type}.{missing[0]} is missing")
    net.give(operator.of(found), inputs[:1] if names else inputs)


def number(op: Operator, net: OnnxReader, given: str, name: str, kind: str) -> object:
    """Return a constant input as the value of an attribute of this `kind`; None if it is not given."""
    if not given:
        return None
    array = net.array(given)
    if array is None:
        op.refuse(f"{op.type}.{name} is computed")
    return array.reshape(-1).tolist() if kind in ("Ints", "Floats") else array.item()
