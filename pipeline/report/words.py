"""Formats numbers and names for the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from pipeline.visible import visible

TIMES, MINUS, NONE = " \N{MULTIPLICATION SIGN} ", "\N{MINUS SIGN}", "\N{EN DASH}"


def shown(value: object) -> object:
    """Return a text with invisible characters as escape sequences, and any other value unchanged."""
    return value if not isinstance(value, str) or isinstance(value, Markup) else visible(value, keep="\n")


def short(text: str, most: int) -> str:
    """Return a long name without its middle, since its ends say more."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"


def shape(extents: Sequence[int]) -> str:
    """Return a shape."""
    return TIMES.join(map(str, extents)) if extents else "scalar"


def size(amount: float) -> str:
    """Return a number of bytes."""
    return _scaled(amount, ("B", "kB", "MB", "GB", "TB"))


def count(amount: float) -> str:
    """Return a large number of things."""
    return _scaled(amount, ("", "k", "M", "G", "T")).rstrip()


def _scaled(amount: float, units: Sequence[str]) -> str:
    for unit in units[:-1]:
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == units[0] or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} {units[-1]}"


def seconds(duration: float) -> str:
    """Return a duration."""
    if duration >= 3600:
        return f"{duration // 3600:.0f} h {duration % 3600 // 60:.0f} min"
    return f"{duration * 1000:.0f} ms" if duration < 1 else f"{duration:.1f} s"


def number(value: float | None) -> str:
    """Return a number to three digits."""
    if value is None:
        return NONE
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else f"{MINUS}∞"
    mantissa, _, power = f"{value:.3g}".partition("e")
    return (f"{mantissa}e{int(power)}" if power else mantissa).replace("-", MINUS)


def sortable(value: float | None) -> str:
    """Return a number for sorting in the page: infinity for NaN, and "" for none."""
    return "" if value is None else repr(value) if math.isfinite(value) else "Infinity"


def moment(text: str) -> str:
    """Return a time in ISO 8601 in a readable form."""
    return f"{text[:10]} {text[11:19]} UTC" if len(text) >= 19 else text


def plural(amount: int, one: str, many: str = "") -> str:
    """Return an amount of things."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"
