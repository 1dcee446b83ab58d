"""The callback by which long operations report their progress."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int, str], None]  # amount done, total amount, and unit: "bytes" or a noun


def no_progress(done: int, total: int, unit: str) -> None:
    """Ignore the progress."""
