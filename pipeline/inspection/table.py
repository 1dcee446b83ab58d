"""A table as data: what commands print for people."""

from __future__ import annotations

from dataclasses import dataclass, field

Cell = str | int | float


@dataclass(frozen=True, slots=True)
class TextTable:
    """Rows under named columns, a line of totals or remarks below, and a tree's depth for rows that are indented."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    remarks: tuple[str, ...] = ()
    depths: tuple[int, ...] = field(default=())
