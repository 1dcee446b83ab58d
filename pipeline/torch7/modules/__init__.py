"""One function a module class, one file a family; importing the package registers them all."""

from pipeline.torch7.modules import (
    activation,
    arithmetic,
    containers,
    convolution,
    linear,
    normalization,
    pooling,
    shape,
    table,
)

__all__ = [
    "activation",
    "arithmetic",
    "containers",
    "convolution",
    "linear",
    "normalization",
    "pooling",
    "shape",
    "table",
]
