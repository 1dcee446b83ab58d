"""Formats a table as lines of text: columns are aligned, and wrapped if they are wider than the terminal."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from pipeline.visible import visible

Cell = str | int | float

GAP = 2  # spaces between columns
_NARROWEST = (24, 16, 32)  # characters; narrower columns of text are not wrapped. What takes the fewest lines is taken.
_SAMPLE = 1000  # rows by which this is decided
_INDENT = 4  # of the lines for columns that do not fit into the first line of a row
# The pieces into which long words may be broken: conv1/ Spatial Convolution_
_PIECES = re.compile(r"[A-Z]*[^A-Z/_.,:=-]*[/_.,:=-]*\s*")


@dataclass(frozen=True, slots=True)
class Column:
    """The texts of a column, its heading first. Numbers are aligned to the right and never wrapped."""

    texts: tuple[str, ...]
    numeric: bool

    @property
    def widest(self) -> int:
        """The width at which nothing is wrapped."""
        return max(map(len, self.texts))

    def least(self, narrowest: int) -> int:
        """Return the smallest width that it may be wrapped to, where texts may be wrapped to `narrowest`."""
        return self.widest if self.numeric else min(self.widest, narrowest)


def terminal_width(stream: IO[str]) -> int:
    """Return the width of the terminal of a stream, or the value of COLUMNS; 0 if the stream is no terminal."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and len(asked) < 10 and int(asked) > 0:
        return int(asked)
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):  # a file, a pipe, or a stream without a file descriptor
        return 0


def lines(columns: Sequence[str], rows: Sequence[Sequence[Cell]], width: int = 0) -> list[str]:
    """Return the lines of a table, none longer than `width` characters unless that is 0.

    Empty columns are left out. If the table is too wide, texts are wrapped within their columns; if that is not enough,
    the remaining columns follow in lines of their own below each row. Of several ways, the one with the fewest lines
    is chosen.

    >>> lines(("name", "why"), [("conv1", "the stride of the pool is negative")], 32)
    ['name   why', 'conv1  the stride of the pool is', '       negative']
    """
    if not rows:
        return []
    filled = [i for i in range(len(columns)) if any(row[i] != "" for row in rows)] or [0]
    kept = [_column(columns[i], [row[i] for row in rows]) for i in filled]
    texts = range(0 if any(columns) else 1, len(rows) + 1)
    natural = [column.widest for column in kept]
    if not width or _total(natural) <= width:
        return _laid_out([(natural, kept)], texts)
    ways = (list(_bands(kept, width, narrowest)) for narrowest in _NARROWEST)
    return _laid_out(min(ways, key=lambda bands: len(_laid_out(bands, texts[:_SAMPLE]))), texts)


def _laid_out(bands: Sequence[tuple[list[int], list[Column]]], rows: Iterable[int]) -> list[str]:
    return [
        line
        for row in rows
        for band, (widths, held) in enumerate(bands)
        for line in _row(held, widths, row, _INDENT if band else 0)
        if line or not band
    ]


def _column(heading: str, cells: Sequence[Cell]) -> Column:
    numeric = all(isinstance(cell, int | float) or cell == "" for cell in cells)
    return Column((heading, *map(text, cells)), numeric)


def text(cell: Cell) -> str:
    """Return the text of a cell in one line, with invisible characters as escape sequences."""
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:.3g}" if isinstance(cell, float) else visible(cell)


def _bands(columns: Sequence[Column], width: int, narrowest: int) -> Iterator[tuple[list[int], list[Column]]]:
    """Divide columns into groups that fit side by side, and yield each group with the widths of its columns."""
    held: list[Column] = []
    room = width
    for column in columns:
        if held and _total([c.least(narrowest) for c in (*held, column)]) > room:
            yield _widths(held, room, narrowest), held
            held, room = [], width - _INDENT
        held.append(column)
    yield _widths(held, room, narrowest), held


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _widths(columns: Sequence[Column], room: int, narrowest: int) -> list[int]:
    """Return the widths of columns side by side. The widest texts are narrowed until all fit."""
    cap = min(room, max(column.widest for column in columns)) + 1
    widths = [column.widest for column in columns]
    while _total(widths) > room and cap > 1:
        cap -= 1
        widths = [min(c.widest, max(cap, c.least(narrowest) if len(columns) > 1 else 1)) for c in columns]
    return widths


def _row(columns: Sequence[Column], widths: Sequence[int], row: int, indent: int) -> Iterator[str]:
    cells = [_folded(column.texts[row], width) for column, width in zip(columns, widths, strict=True)]
    for line in range(max(map(len, cells))):
        parts = [cell[line] if line < len(cell) else "" for cell in cells]
        told = zip(parts, widths, columns, strict=True)
        aligned = (part.rjust(width) if column.numeric else part.ljust(width) for part, width, column in told)
        yield (" " * indent + (" " * GAP).join(aligned)).rstrip()


def _folded(whole: str, width: int) -> list[str]:
    """Wrap a text to lines of `width`: between words, or after punctuation in long words, or else anywhere.

    The indentation of the text is kept.
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
    """Yield the pieces that a text may be broken into, each with the space that follows it."""
    for word in re.findall(r"\S+\s*", whole):
        yield from [word] if len(word.rstrip()) <= room else _PIECES.findall(word)
