"""Every operator of the neutral graph; importing the package registers them. One file a family."""

from pipeline.graph.operators import (
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
from pipeline.graph.operators.operator import OPERATORS, ShapeError

__all__ = [
    "OPERATORS",
    "ShapeError",
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
]
