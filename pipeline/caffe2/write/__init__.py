"""From the neutral graph to Caffe2; importing the package registers every writer. One file a family."""

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
from pipeline.caffe2.write.network import unsupported, write

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
    "unsupported",
    "write",
    "writes",
]
