"""From the neutral graph to Caffe's layers. One file a family, one function an operator; importing registers them."""

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
from pipeline.caffe.write.writer import Emission, emit, unsupported, write

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
    "unsupported",
    "write",
]
