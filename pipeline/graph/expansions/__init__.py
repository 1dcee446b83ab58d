"""Expresses operators in terms of simpler ones, for formats that cannot write them. There is one file per family.

Each function gets a node, and returns values of the same types as its outputs.
"""

from pipeline.graph.expansions import activation, arithmetic, convolution, normalization, pooling, reduction, shape
from pipeline.graph.expansions.registry import EXPANSIONS, expanded, expands

__all__ = [
    "EXPANSIONS",
    "activation",
    "arithmetic",
    "convolution",
    "expanded",
    "expands",
    "normalization",
    "pooling",
    "reduction",
    "shape",
]
