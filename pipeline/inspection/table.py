"""A table as data: what commands print for people, and as JSON for programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Cell = str | int | float


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns, a line of totals or remarks below, and a tree's depth for rows that are indented."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    remarks: tuple[str, ...] = ()
    depths: tuple[int, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Give the table as an object a row."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"title": self.title, "rows": rows, "remarks": list(self.remarks)}

    def text_rows(self) -> list[list[str]]:
        """Give the cells as text, numbers with separators, the first column indented as a tree."""
        depths = self.depths or (0,) * len(self.rows)
        rows = [[_text(cell) for cell in row] for row in self.rows]
        return [["  " * depth + row[0], *row[1:]] for depth, row in zip(depths, rows, strict=True)]


def _text(cell: Cell) -> str:
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:.4g}" if isinstance(cell, float) else cell
