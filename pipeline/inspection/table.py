"""Tables as data, which commands print."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape

from pipeline.visible import visible

Cell = str | int | float


@dataclass(frozen=True, slots=True)
class TextTable:
    """Rows under named columns, with a line of totals or remarks below, and the depths of rows that form a tree."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    remarks: tuple[str, ...] = ()
    depths: tuple[int, ...] = field(default=())

    def html(self) -> str:
        """Return HTML for a notebook: the table under its title, with the remarks below. Texts are escaped."""
        depths = self.depths or (0,) * len(self.rows)
        rows = (("\N{EM SPACE}" * depth + str(row[0]), *row[1:]) for depth, row in zip(depths, self.rows, strict=True))
        head = f"<thead>{_row('th', self.columns)}</thead>" if any(self.columns) else ""
        body = "".join(_row("td", row) for row in rows)
        title = f"<caption>{_told(self.title)}</caption>" if self.title else ""
        remarks = "".join(f"<div>{_told(remark)}</div>" for remark in self.remarks)
        return f"<table>{title}{head}<tbody>{body}</tbody></table>{remarks}"


def _row(tag: str, cells: Iterable[Cell]) -> str:
    return f"<tr>{''.join(f'<{tag}>{_told(cell)}</{tag}>' for cell in cells)}</tr>"


def _told(cell: Cell) -> str:
    return escape(visible(f"{cell:.3g}" if isinstance(cell, float) else str(cell)))
