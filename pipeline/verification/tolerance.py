"""How far values may be apart, by what measure."""

from __future__ import annotations

from dataclasses import dataclass

NOISES = 10  # times float32's own rounding, by which a sum in another order may be apart


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far values may be apart, relative to max(1, max |b|).

    Outputs may be so relative to max |b| as well, but for what float32 rounds off in the network; with `to_largest`
    they may be as far as that, and nothing is allowed for rounding.
    """

    relative: float
    to_largest: float | None = None

    def __str__(self) -> str:
        strict = "" if self.to_largest is None else f", {self.to_largest:g} of an output's max |b|,"
        return f"{self.relative:g}{strict}"
