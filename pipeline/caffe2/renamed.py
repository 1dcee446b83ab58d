"""The operators that Caffe2 also has, but under other names: one table for the reader and the writer.

Attributes have the same names as Caffe2's arguments.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipeline.graph.operators import (
    Add,
    And,
    ArgMax,
    ArgMin,
    Ceil,
    Clip,
    Div,
    Elu,
    Equal,
    Exp,
    Floor,
    Greater,
    GreaterOrEqual,
    HardSigmoid,
    Identity,
    LeakyRelu,
    Less,
    Log,
    Mul,
    Neg,
    Not,
    Operator,
    Or,
    Reciprocal,
    ReduceL1,
    ReduceL2,
    ReduceMax,
    ReduceMean,
    ReduceMin,
    ReduceSum,
    Reduction,
    Relu,
    Search,
    Sigmoid,
    Sign,
    Softsign,
    Sqrt,
    Sub,
    Tanh,
    ThresholdedRelu,
)


def _alike(*operators: type[Operator]) -> dict[type[Operator], str]:
    return {operator: operator.name for operator in operators}


UNARY: Mapping[type[Operator], str] = {
    **_alike(Relu, LeakyRelu, ThresholdedRelu, Elu, Sigmoid, HardSigmoid, Tanh, Softsign, Clip),
    **_alike(Exp, Log, Sqrt, Reciprocal, Sign, Floor, Ceil, Not),
    Neg: "Negative",
    Identity: "Copy",
}
BINARY: Mapping[type[Operator], str] = {
    **_alike(Add, Sub, Mul, Div, And, Or),
    Greater: "GT",
    GreaterOrEqual: "GE",
    Less: "LT",
    Equal: "EQ",
}
REDUCTIONS: tuple[type[Reduction], ...] = (ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceL1, ReduceL2)
SEARCHES: tuple[type[Search], ...] = (ArgMax, ArgMin)

# Caffe2's defaults for arguments for which the operator of the graph has no default.
DEFAULTS = {"min": float(np.finfo(np.float32).min), "max": float(np.finfo(np.float32).max)}
