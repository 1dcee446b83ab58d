"""Measures how far two tensors are apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
CHUNK = 1 << 17  # numbers compared at once, in float64: what fits a processor's cache


@dataclass(frozen=True, slots=True)
class Difference:
    """How far a is from b.

    `maximum` is the largest |a - b|, at the index `where`. `relative` is `maximum` / max(1, max |b|), and `to_largest`
    is `maximum` / max |b|. `mismatched` counts the places where only one of the two is NaN or infinite, or where they
    are infinite with different signs. A mismatch, or a different shape, makes all three numbers infinite.
    """

    maximum: float
    relative: float
    where: tuple[int, ...] | None = None
    mismatched: int = 0
    to_largest: float = 0.0

    def within(self, tolerance: float) -> bool:
        """Return whether a equals b up to `tolerance`, relative to max(1, max |b|)."""
        return self.relative <= tolerance


APART = Difference(math.inf, math.inf, to_largest=math.inf)


def compare(a: Array, b: Array) -> Difference:
    """Compare two arrays of any element type. NaN equals NaN, and an infinity equals itself.

    >>> compare(np.array([1.0, 20.5]), np.array([1.0, 20.0]))
    Difference(maximum=0.5, relative=0.025, where=(1,), mismatched=0, to_largest=0.025)
    """
    if a.shape != b.shape:
        return APART
    flat_a, flat_b = a.reshape(-1), b.reshape(-1)
    maximum, most, place, mismatched = -1.0, 0.0, 0, 0
    for start in range(0, flat_a.size, CHUNK):
        left = flat_a[start : start + CHUNK].astype(np.float64)
        right = flat_b[start : start + CHUNK].astype(np.float64)
        apart, worst, largest = _distances(left, right)
        mismatched += int(np.isinf(apart).sum())
        most = max(most, largest)
        if apart[worst] > maximum:
            maximum, place = float(apart[worst]), start + worst
    if maximum <= 0:
        return Difference(0.0, 0.0)
    where = tuple(int(index) for index in np.unravel_index(place, a.shape))
    to_largest = maximum / most if most else math.inf
    return Difference(maximum, maximum / max(1.0, most), where, mismatched, to_largest)


def _distances(a: Array, b: Array) -> tuple[Array, int, float]:
    """Return |a - b| (inf where only one is finite), the index of its maximum, and max |b|."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(a - b)
    worst = int(apart.argmax())  # a NaN's place, where there is one
    if np.isfinite(apart[worst]):  # then every number is finite
        return apart, worst, float(np.abs(b).max())
    finite = np.isfinite(a) & np.isfinite(b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        apart = np.where(finite, np.abs(a - b), np.where(same, 0.0, np.inf))
    largest = np.abs(b, where=np.isfinite(b), out=np.zeros_like(b)).max()
    return apart, int(apart.argmax()), float(largest)
