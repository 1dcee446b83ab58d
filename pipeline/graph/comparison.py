"""How far two tensors, or all the values of two networks, are apart."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.graph.evaluation import evaluate
from pipeline.graph.values import Graph

Array = np.ndarray[Any, Any]
CHUNK = 1 << 17  # numbers compared at once, in float64: what fits a processor's cache


@dataclass(frozen=True, slots=True)
class Difference:
    """How far a is from b.

    `maximum` is the largest |a - b|, `relative` that over max(1, largest |b|), `where` its index. `mismatched`
    counts places where just one is NaN or infinite, or they are infinite with different signs; such a place, or
    another shape, makes both numbers inf.
    """

    maximum: float
    relative: float
    where: tuple[int, ...] | None = None
    mismatched: int = 0

    def within(self, tolerance: float) -> bool:
        """Tell whether a equals b up to `tolerance`, relative to max(1, largest |b|)."""
        return self.relative <= tolerance


APART = Difference(math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Row:
    """The comparison of one value, known by its name."""

    name: str
    shape: tuple[int, ...]
    difference: Difference


def compare(a: Array, b: Array) -> Difference:
    """Compare two arrays of any element type; NaN equals NaN, and an infinity itself.

    >>> compare(np.array([1.0, 20.5]), np.array([1.0, 20.0]))
    Difference(maximum=0.5, relative=0.025, where=(1,), mismatched=0)
    """
    if a.shape != b.shape:
        return APART
    flat_a, flat_b = a.reshape(-1), b.reshape(-1)
    maximum, scale, place, mismatched = -1.0, 1.0, 0, 0
    for start in range(0, flat_a.size, CHUNK):
        left = flat_a[start : start + CHUNK].astype(np.float64)
        right = flat_b[start : start + CHUNK].astype(np.float64)
        apart, worst, largest = _distances(left, right)
        mismatched += int(np.isinf(apart).sum())
        scale = max(scale, largest)
        if apart[worst] > maximum:
            maximum, place = float(apart[worst]), start + worst
    if maximum <= 0:
        return Difference(0.0, 0.0)
    where = tuple(int(index) for index in np.unravel_index(place, a.shape))
    return Difference(maximum, maximum / scale, where, mismatched)


def _distances(a: Array, b: Array) -> tuple[Array, int, float]:
    """Give |a - b| (inf where just one is a finite number), where it is largest, and the largest |b|."""
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


def compare_streams(
    reference: Iterable[tuple[str, Array]],
    candidate: Iterable[tuple[str, Array]],
    names: Collection[str],
) -> Iterator[Row]:
    """Compare the candidate's values with the reference's of the same name, for `names`, in the reference's order.

    Both streams are read in step; only values that one has given and the other not yet are held. A name that the
    candidate never gives is compared as another shape.
    """
    held: dict[str, Array] = {}
    wanted = set(names)
    others = ((name, array) for name, array in candidate if name in wanted)
    for name, array in reference:
        if name not in wanted:
            continue
        while name not in held:
            following = next(others, None)
            if following is None:
                break
            held[following[0]] = following[1]
        found = held.pop(name, None)
        yield Row(name, array.shape, APART if found is None else compare(found, array))


def compare_graphs(reference: Graph, candidate: Graph, feeds: Sequence[Array]) -> Iterator[Row]:
    """Run two graphs on the same inputs and compare each value that both know by the same name."""
    names = {value.name for value in reference.values()} & {value.name for value in candidate.values()}
    return compare_streams(_named(reference, feeds), _named(candidate, feeds), names)


def _named(graph: Graph, feeds: Sequence[Array]) -> Iterator[tuple[str, Array]]:
    return ((value.name, array) for value, array in evaluate(graph, feeds))


def first_diverging(rows: Iterable[Row], tolerance: float) -> Row | None:
    """Give the first row, in running order, that is further apart than `tolerance`."""
    return next((row for row in rows if not row.difference.within(tolerance)), None)
