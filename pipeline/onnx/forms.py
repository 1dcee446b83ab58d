"""The operators that ONNX has under the same names and with the same attributes, for the reader and the writer.

They are those of opset 17, of release 1.12 of ONNX (2022), the oldest opset with LayerNormalization. All current
runtimes read it, and ONNX Runtime does since 1.12. Later opsets have nothing that these networks need
(https://onnx.ai/onnx/operators).
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.graph.operators import (
    LRN,
    Abs,
    Add,
    And,
    ArgMax,
    ArgMin,
    AveragePool,
    Ceil,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    DepthToSpace,
    Div,
    Dropout,
    Elu,
    Equal,
    Erf,
    Exp,
    Expand,
    Flatten,
    Floor,
    Gather,
    Gemm,
    GlobalAveragePool,
    GlobalMaxPool,
    Greater,
    GreaterOrEqual,
    HardSigmoid,
    Identity,
    IsNaN,
    LeakyRelu,
    Less,
    Log,
    LogSoftmax,
    LpNormalization,
    LpPool,
    MatMul,
    Max,
    MaxPool,
    MaxRoiPool,
    Mean,
    Min,
    Mul,
    Neg,
    Not,
    Operator,
    Or,
    Pad,
    Pow,
    PRelu,
    Reciprocal,
    ReduceL1,
    ReduceL2,
    ReduceLogSumExp,
    ReduceMax,
    ReduceMean,
    ReduceMin,
    ReduceProd,
    ReduceSum,
    ReduceSumSquare,
    Relu,
    Reshape,
    Selu,
    Sigmoid,
    Sign,
    Slice,
    Softmax,
    Softplus,
    Softsign,
    SpaceToDepth,
    Split,
    Sqrt,
    Squeeze,
    Sub,
    Sum,
    Tanh,
    ThresholdedRelu,
    Tile,
    TopK,
    Transpose,
    Unsqueeze,
    Where,
)

OPSET = 17
IR_VERSION = 8  # of the same release

BATCH = "batch"  # the name of a first extent that is free
ORIGINS = "origins"  # the metadata key for the origins of nodes: path and class, by name of the node

SAME: tuple[type[Operator], ...] = (
    *(Relu, LeakyRelu, PRelu, ThresholdedRelu, Elu, Selu, Sigmoid, HardSigmoid, Tanh, Softplus, Softsign, Clip),
    *(Softmax, LogSoftmax, Dropout, Identity),
    *(Abs, Neg, Sign, Exp, Log, Sqrt, Reciprocal, Floor, Ceil, Erf),
    *(Add, Sub, Mul, Div, Pow, Sum, Max, Min, Mean),
    *(Greater, GreaterOrEqual, Less, Equal, And, Or, Not, IsNaN, Where),
    *(Conv, ConvTranspose, Gemm, MatMul),
    *(MaxPool, AveragePool, LpPool, GlobalAveragePool, GlobalMaxPool, MaxRoiPool),
    *(LRN, LpNormalization),
    *(ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceProd, ReduceL1, ReduceL2, ReduceSumSquare, ReduceLogSumExp),
    *(ArgMax, ArgMin, TopK),
    *(Reshape, Flatten, Transpose, Squeeze, Unsqueeze, Concat, Split, Slice, Expand, Tile, Pad, Gather),
    *(DepthToSpace, SpaceToDepth),
)

# The attributes that are inputs in ONNX, after the other inputs and in this order.
AS_INPUTS: Mapping[type[Operator], tuple[str, ...]] = {
    Clip: ("min", "max"),
    Dropout: ("ratio",),
    Expand: ("shape",),
    Pad: ("pads", "value"),
    ReduceSum: ("axes",),
    Reshape: ("shape",),
    Slice: ("starts", "ends", "axes"),
    Split: ("split",),
    Squeeze: ("axes",),
    Tile: ("repeats",),
    TopK: ("k",),
    Unsqueeze: ("axes",),
}
