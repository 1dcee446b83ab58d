"""How an operation that takes long reports its progress."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int, str], None]  # how much is done, how much there is, and the unit: "bytes" or a noun


def no_progress(done: int, total: int, unit: str) -> None:
    """Ignore the progress."""
