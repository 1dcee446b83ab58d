"""Lays a table out in lines: columns aligned, and folded where they are wider than the terminal."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from pipeline.visible import visible

Cell = str | int | float

GAP = 2  # spaces between columns
NARROWEST = 24  # characters of text below which a column is not folded
_INDENT = 4  # of the lines that hold the columns for which the first line of a row has no room
_PIECES = re.compile(r"[A-Z]*[^A-Z/_.,:=-]*[/_.,:=-]*\s*")  # of a word that is too long: conv1/ Spatial Convolution_


@dataclass(frozen=True, slots=True)
class Column:
    """The texts of a column, its heading first; numbers stand to the right and are never folded."""

    texts: tuple[str, ...]
    numeric: bool

    @property
    def widest(self) -> int:
        """The width at which nothing is folded."""
        return max(map(len, self.texts))

    @property
    def least(self) -> int:
        """The width below which it is not folded."""
        return self.widest if self.numeric else min(self.widest, NARROWEST)


def terminal_width(stream: IO[str]) -> int:
    """Return the columns of the terminal that a stream goes to, or those that COLUMNS says; 0 where it goes to none."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and len(asked) < 10 and int(asked) > 0:
        return int(asked)
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):  # a file, a pipe, or nothing of the operating system's
        return 0


def lines(columns: Sequence[str], rows: Sequence[Sequence[Cell]], width: int = 0) -> list[str]:
    """Return the lines of a table, none longer than `width` characters where that is not 0.

    Columns without content are left out. Where the others are too wide, texts are folded in their columns; and
    where that is not enough, the columns for which there is no room follow in lines of their own below each row.

    >>> lines(("name", "why"), [("conv1", "the stride of the pool is negative")], 32)
    ['name   why', 'conv1  the stride of the pool is', '       negative']
    """
    if not rows:
        return []
    filled = [i for i in range(len(columns)) if any(row[i] != "" for row in rows)] or [0]
    kept = [_column(columns[i], [row[i] for row in rows]) for i in filled]
    bands = list(_bands(kept, width)) if width else [([c.widest for c in kept], kept)]
    first = 0 if any(columns) else 1
    return [
        line
        for row in range(first, len(rows) + 1)
        for band, (widths, held) in enumerate(bands)
        for line in _row(held, widths, row, _INDENT if band else 0)
        if line or not band
    ]


def _column(heading: str, cells: Sequence[Cell]) -> Column:
    numeric = all(isinstance(cell, int | float) or cell == "" for cell in cells)
    return Column((heading, *map(text, cells)), numeric)


def text(cell: Cell) -> str:
    """Write a cell in one line; what nobody sees in it is spelt out."""
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:.3g}" if isinstance(cell, float) else visible(cell)


def _bands(columns: Sequence[Column], width: int) -> Iterator[tuple[list[int], list[Column]]]:
    """Divide columns into those that have room beside each other, and give each its width."""
    held: list[Column] = []
    room = width
    for column in columns:
        if held and _total([c.least for c in (*held, column)]) > room:
            yield _widths(held, room), held
            held, room = [], width - _INDENT
        held.append(column)
    yield _widths(held, room), held


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _widths(columns: Sequence[Column], room: int) -> list[int]:
    """Return the widths of columns side by side: the widest texts give way until all fit."""
    cap = min(room, max(column.widest for column in columns)) + 1
    widths = [column.widest for column in columns]
    while _total(widths) > room and cap > 1:
        cap -= 1
        widths = [min(c.widest, max(cap, c.least if len(columns) > 1 else 1)) for c in columns]
    return widths


def _row(columns: Sequence[Column], widths: Sequence[int], row: int, indent: int) -> Iterator[str]:
    cells = [_folded(column.texts[row], width) for column, width in zip(columns, widths, strict=True)]
    for line in range(max(map(len, cells))):
        parts = [cell[line] if line < len(cell) else "" for cell in cells]
        told = zip(parts, widths, columns, strict=True)
        aligned = (part.rjust(width) if column.numeric else part.ljust(width) for part, width, column in told)
        yield (" " * indent + (" " * GAP).join(aligned)).rstrip()


def _folded(whole: str, width: int) -> list[str]:
    """Break a text into lines of `width`: between words, inside one that is longer after signs; else anywhere.

    One that is indented stays so.
    """
    if len(whole) <= width:
        return [whole]
    indent = " " * min(len(whole) - len(whole.lstrip()), width // 2)
    found, line = [], indent
    for piece in _pieces(whole.lstrip(), width - len(indent)):
        if len(line) + len(piece.rstrip()) > width and line.strip():
            found.append(line.rstrip())
            line = indent
        line += piece
        while len(line.rstrip()) > width:
            found.append(line[:width])
            line = indent + line[width:]
    return [*found, line.rstrip()] if line.strip() else found


def _pieces(whole: str, room: int) -> Iterator[str]:
    """Return what a text may be broken into, each with what separates it from the next."""
    for word in re.findall(r"\S+\s*", whole):
        yield from [word] if len(word.rstrip()) <= room else _PIECES.findall(word)
