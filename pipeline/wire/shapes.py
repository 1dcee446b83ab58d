"""Checks the shapes in files, which may be any numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

MAX_RANK = 32  # axes of a tensor: the limit of Caffe and older numpy (kMaxBlobAxes, blob.hpp; NPY_MAXDIMS)
_MOST_NUMBERS = 1 << 59  # each has at most 8 bytes, and numpy counts bytes in 63 bits


def possible(shape: Sequence[int]) -> bool:
    """Return whether numpy can make an array of this shape.

    Extents of 0 are ignored: numpy limits the product of the others even if the array is empty (PyArray_NewFromDescr).
    """
    return (
        len(shape) <= MAX_RANK
        and all(extent >= 0 for extent in shape)
        and prod(extent or 1 for extent in shape) < _MOST_NUMBERS
    )
