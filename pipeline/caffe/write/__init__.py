"""Writes the graph as Caffe's layers: a file for each family of operators, a function for each operator.

Importing the package registers all of them.
"""

from pipeline.caffe.write import (
    activation,
    arithmetic,
    comparison,
    convolution,
    matrix,
    normalization,
    pooling,
    reduction,
    resize,
    shape,
)
from pipeline.caffe.write.builder import WRITES
from pipeline.caffe.write.writer import Emission, emit, write

__all__ = [
    "WRITES",
    "Emission",
    "activation",
    "arithmetic",
    "comparison",
    "convolution",
    "emit",
    "matrix",
    "normalization",
    "pooling",
    "reduction",
    "resize",
    "shape",
    "write",
]
