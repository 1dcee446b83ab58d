"""Writes the graph as Caffe2's operators, with a file for each family. Importing the package registers all writers."""

from pipeline.caffe2.write import (
    activation,
    arithmetic,
    comparison,
    convolution,
    detection,
    matrix,
    normalization,
    pooling,
    reduction,
    renamed,
    resize,
    shape,
)
from pipeline.caffe2.write.builder import WRITES, Caffe2Builder, writes
from pipeline.caffe2.write.network import write

__all__ = [
    "WRITES",
    "Caffe2Builder",
    "activation",
    "arithmetic",
    "comparison",
    "convolution",
    "detection",
    "matrix",
    "normalization",
    "pooling",
    "reduction",
    "renamed",
    "resize",
    "shape",
    "write",
    "writes",
]
