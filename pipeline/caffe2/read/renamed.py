"""Operators that Caffe2 has under another name (see `pipeline.caffe2.renamed`)."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pipeline.caffe2.read.operands import operands
from pipeline.caffe2.read.operator import OperatorReader
from pipeline.caffe2.read.reader import Caffe2Reader, reads
from pipeline.caffe2.renamed import BINARY, DEFAULTS, REDUCTIONS, SEARCHES, UNARY

_UNARY = {kind: operator for operator, kind in UNARY.items()}
_BINARY = {kind: operator for operator, kind in BINARY.items()}
_REDUCTIONS = {operator.name: operator for operator in REDUCTIONS}
_SEARCHES = {operator.name: operator for operator in SEARCHES}


@reads(*_UNARY)
def unary(op: OperatorReader, net: Caffe2Reader) -> None:
    """Read what is done to each number."""
    operator = _UNARY[op.type]
    defaults: dict[str, Any] = {field.name: field.default for field in fields(operator)} | DEFAULTS
    numbers = {name: op.float(name, defaults[name]) for name in operator.kinds}
    net.give(operator.of(numbers), net.value(op.inputs[0]))


@reads(*_BINARY)
def binary(op: OperatorReader, net: Caffe2Reader) -> None:
    """Read an operator of two inputs, which are broadcast."""
    net.give(_BINARY[op.type](), *operands(op, net))


@reads(*_REDUCTIONS)
def reduction(op: OperatorReader, net: Caffe2Reader) -> None:
    """Read the operator of the same name; all axes where none are given."""
    x = net.value(op.inputs[0])
    axes = op.ints("axes") or tuple(range(x.rank))
    net.give(_REDUCTIONS[op.type](axes=axes, keepdims=op.int("keepdims", 1)), x)


@reads(*_SEARCHES)
def search(op: OperatorReader, net: Caffe2Reader) -> None:
    """Read the operator of the same name."""
    operator = _SEARCHES[op.type](axis=op.int("axis", -1), keepdims=op.int("keepdims", 1))
    net.give(operator, net.value(op.inputs[0]))
