"""Checks shapes from untrusted files."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

MAX_RANK = 32  # axes of a tensor: what Caffe and older numpy can have (kMaxBlobAxes, blob.hpp; NPY_MAXDIMS)
_MOST_NUMBERS = 1 << 59  # of at most 8 bytes each, so that numpy can count their bytes in 63 bits


def possible(shape: Sequence[int]) -> bool:
    """Return whether numpy can make an array of this shape.

    Extents of 0 are ignored for that, since numpy multiplies the others all the same (PyArray_NewFromDescr).
    """
    return (
        len(shape) <= MAX_RANK
        and all(extent >= 0 for extent in shape)
        and prod(extent or 1 for extent in shape) < _MOST_NUMBERS
    )
