"""What an operator is in terms of simpler ones, for formats that have no form of their own for it. One file a family.

Each function is given a node and returns values of the types that the node's outputs have.
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
