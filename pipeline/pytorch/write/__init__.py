"""From the neutral graph to PyTorch; importing the package registers every writer. One file a family."""

from pipeline.pytorch.write import (
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
from pipeline.pytorch.write.builder import WRITES, ModuleBuilder, writes
from pipeline.pytorch.write.network import unsupported, write

__all__ = [
    "WRITES",
    "ModuleBuilder",
    "activation",
    "arithmetic",
    "comparison",
    "convolution",
    "matrix",
    "normalization",
    "pooling",
    "reduction",
    "resize",
    "shape",
    "unsupported",
    "write",
    "writes",
]
