"""Shapes as files tell them: any numbers, until somebody has looked."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

MAX_RANK = 32  # axes of a tensor: what Caffe and older numpy can have (kMaxBlobAxes, blob.hpp; NPY_MAXDIMS)
_MOST_NUMBERS = 1 << 59  # of 8 bytes and less, whose bytes numpy counts in 63 bits


def possible(shape: Sequence[int]) -> bool:
    """Return whether an array can have a shape at all.

    An extent of 0 leaves an array without numbers, but the others are multiplied all the same (PyArray_NewFromDescr).
    """
    return (
        len(shape) <= MAX_RANK
        and all(extent >= 0 for extent in shape)
        and prod(extent or 1 for extent in shape) < _MOST_NUMBERS
    )
