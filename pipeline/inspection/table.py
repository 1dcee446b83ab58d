"""Tables as data, for commands that print them and notebooks that show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape

from pipeline.visible import visible

Cell = str | int | float


@dataclass(frozen=True, slots=True)
class TextTable:
    """Rows with named columns, remarks below them, and depths for rows that are indented as a tree."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    remarks: tuple[str, ...] = ()
    depths: tuple[int, ...] = field(default=())

    def html(self) -> str:
        """Return the table as HTML for a notebook, with its title and remarks. Texts are escaped."""
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
