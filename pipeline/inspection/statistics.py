"""Statistics of the numbers of a weight."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.graph.budget import Budget

Array = np.ndarray[Any, Any]
CHUNK = 1 << 18  # numbers that are processed at once, in float64
BINS = 16
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of a tensor. `minimum` to `deviation` are those of its finite numbers; None if there are none.

    `histogram` counts the finite numbers in equal bins from the minimum to the maximum.
    """

    count: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    deviation: float | None
    zeros: int
    nans: int
    infinities: int
    histogram: tuple[int, ...]

    @property
    def spark(self) -> str:
        """The histogram as a line of text, in which an empty bin is a space."""
        most = max(self.histogram, default=0)
        return "".join(_BARS[math.ceil(8 * n / most) - 1] if n else " " for n in self.histogram)


def statistics(array: Array) -> Statistics:
    """Return the statistics of an array of any element type and strides, which is read twice, in chunks.

    Numbers that strides of 0 repeat are read once. Raises OverBudget if the array repeats too many in another way.

    >>> statistics(np.array([0.0, 1.0, np.nan])).mean
    0.5
    """
    once = array[tuple(slice(1) if step == 0 else slice(None) for step in array.strides)]
    if once.nbytes > _span(once):
        Budget().check("weights", once.nbytes, "statistics")
    found = _statistics(once)
    return found if once.size == array.size else _repeated(found, array.size // once.size)


def _span(array: Array) -> int:
    """Return the number of bytes from the first to the last element of an array."""
    steps = (abs(step) * (extent - 1) for step, extent in zip(array.strides, array.shape, strict=True))
    return int(sum(steps) + array.itemsize)


def _repeated(once: Statistics, times: int) -> Statistics:
    counts = ("count", "zeros", "nans", "infinities")
    histogram = tuple(times * number for number in once.histogram)
    return replace(once, histogram=histogram, **{name: times * getattr(once, name) for name in counts})


def _statistics(array: Array) -> Statistics:
    zeros = nans = infinities = finite = 0
    least, most, total = math.inf, -math.inf, 0.0
    for chunk in _chunks(array):
        sound = _finite(chunk)
        if sound.size < chunk.size:
            nans += int(np.isnan(chunk).sum())
            infinities += int(np.isinf(chunk).sum())
        if sound.size:
            finite += sound.size
            zeros += sound.size - int(np.count_nonzero(sound))
            least, most = min(least, float(sound.min())), max(most, float(sound.max()))
            with np.errstate(over="ignore", invalid="ignore"):
                total += float(sound.sum())
    if not finite:
        return Statistics(array.size, None, None, None, None, 0, nans, infinities, ())
    mean, squares = total / finite, 0.0
    histogram = np.zeros(BINS, np.int64)
    for chunk in _chunks(array):
        sound = _finite(chunk)
        with np.errstate(over="ignore", invalid="ignore"):  # of doubles near the largest one
            squares += float(np.square(sound - mean).sum())
        histogram += _histogram(sound, least, most)
    deviation = math.sqrt(squares / finite)
    counts = tuple(histogram.tolist())
    return Statistics(array.size, least, most, mean, deviation, zeros, nans, infinities, counts)


def _finite(chunk: Array) -> Array:
    """Return the finite numbers of a chunk, which is usually the chunk itself."""
    with np.errstate(over="ignore", invalid="ignore"):
        usual = bool(np.isfinite(chunk.sum()))
    return chunk if usual else chunk[np.isfinite(chunk)]


def _histogram(values: Array, least: float, most: float) -> Array:
    if most == least:
        return np.bincount([BINS // 2], [values.size], BINS).astype(np.int64)
    # Halved first, since the difference of two large doubles may be infinite.
    places = (values / 2 - least / 2) / (most / 2 - least / 2) * BINS
    return np.bincount(np.minimum(places, BINS - 1).astype(np.int64), minlength=BINS)


def _chunks(array: Array) -> Iterator[Array]:
    """Yield the numbers of an array as float64. A chunk is valid only until the next one is requested."""
    if not array.size:
        return
    yield from np.nditer(
        array,
        flags=["external_loop", "buffered"],
        op_dtypes=["f8"],
        casting="same_kind",
        buffersize=CHUNK,
    )
