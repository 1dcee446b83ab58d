"""Writes operators as layers or expressions, with a file for each family. Importing the package registers all."""

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
from pipeline.pytorch.write.network import write

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
    "write",
    "writes",
]
