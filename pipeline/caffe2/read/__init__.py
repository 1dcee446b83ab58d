"""Reads Caffe2's operators into the graph, with a file for each family. Importing the package registers all readers."""

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
