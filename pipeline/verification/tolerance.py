"""The tolerance of a verification."""

from __future__ import annotations

from dataclasses import dataclass

NOISES = 10  # times the float32 rounding error is allowed, since sums may be computed in another order


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far values may be apart, relative to max(1, max |b|).

    The same bound holds for outputs relative to their own max |b|, except that NOISES times the rounding error of
    float32 in the network is always allowed. With `to_largest`, that is the bound for outputs, whatever the rounding
    error.
    """

    relative: float
    to_largest: float | None = None

    def __str__(self) -> str:
        strict = "" if self.to_largest is None else f", {self.to_largest:g} of an output's max |b|,"
        return f"{self.relative:g}{strict}"
