"""From Caffe2 to the neutral graph; importing the package registers every reader. One file a family."""

from pipeline.caffe2.read import (
    activation,
    arithmetic,
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
from pipeline.caffe2.read.network import read
from pipeline.caffe2.read.reader import READS, Caffe2Reader, reads

__all__ = [
    "READS",
    "Caffe2Reader",
    "activation",
    "arithmetic",
    "convolution",
    "detection",
    "matrix",
    "normalization",
    "pooling",
    "read",
    "reads",
    "reduction",
    "renamed",
    "resize",
    "shape",
]
