"""Breaks a tall drawing into columns, like the text of a newspaper, so that it fits on a page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from pipeline.report.layout import GAP, Edge, Layout, Point

PAGE = (780.0, 675.0)  # width and height for a drawing on a page that is 1280 pixels wide
MOST = 8  # columns
TURN = 10.0  # distance from a box at which an edge to the next column turns

Sizes = Sequence[tuple[float, float]]


def in_columns(drawn: Layout, sizes: Sizes, edges: Sequence[Edge]) -> Layout:
    """Return a drawing in the number of columns with which it is largest on a page; the smallest of several.

    A column can end only where all edges that continue come from one box. Without such a place the drawing is
    unchanged.
    """
    if not drawn.centres:
        return drawn
    pieces = _pieces(drawn, edges)
    broken = [_columns(drawn, pieces, count) for count in range(1, MOST + 1)]
    ways = [_set(drawn, sizes, edges, columns) for columns, _ in groupby(broken)]  # few pieces break in few ways
    return min(ways, key=lambda way: max(1.0, way.width / PAGE[0], way.height / PAGE[1]))


def _pieces(drawn: Layout, edges: Sequence[Edge]) -> list[list[int]]:
    """Return the boxes between consecutive places where a column may end, from top to bottom."""
    rows: dict[float, list[int]] = {y: [] for y in sorted({y for _, y in drawn.centres})}
    for box, (_, y) in enumerate(drawn.centres):
        rows[y].append(box)
    places = {y: row for row, y in enumerate(rows)}
    starts: list[list[int]] = [[] for _ in rows]  # by row: the edges that leave it
    ended = [0] * len(rows)
    for start, end in edges:
        starts[places[drawn.centres[start][1]]].append(start)
        ended[places[drawn.centres[end][1]]] += 1
    pieces: list[list[int]] = [[]]
    passing = 0
    for row, leaving, arriving in zip(rows.values(), starts, ended, strict=True):
        pieces[-1] += row
        passing += len(leaving) - arriving
        if passing == len(leaving) and len(set(leaving)) <= 1:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _columns(drawn: Layout, pieces: Sequence[list[int]], count: int) -> list[list[int]]:
    """Return the boxes of each column, for about `count` columns."""
    columns: list[list[int]] = [[]]
    top = 0.0
    for piece in pieces:
        bottom = max(drawn.centres[box][1] for box in piece)
        if columns[-1] and bottom - top > drawn.height / count:
            columns.append([])
            top = min(drawn.centres[box][1] for box in piece)
        columns[-1] += piece
    return columns


def _set(drawn: Layout, sizes: Sizes, edges: Sequence[Edge], columns: Sequence[Sequence[int]]) -> Layout:
    """Move each column beside the previous one, and route the edges between them."""
    column_of = {box: place for place, boxes in enumerate(columns) for box in boxes}
    corners = [_corners(drawn, sizes, boxes) for boxes in columns]
    for (_, end), route in zip(edges, drawn.routes, strict=True):
        corners[column_of[end]] += route[1:]
    moves: list[Point] = []
    gutters: list[float] = []  # to the left of each column
    width = height = 0.0
    for column in corners:
        (left, right), (top, bottom) = ((min(along), max(along)) for along in zip(*column, strict=True))
        moves.append((width - left, -top))
        gutters.append(width - GAP / 2)
        width += right - left + GAP
        height = max(height, bottom - top)
    routes = []
    for (start, end), route in zip(edges, drawn.routes, strict=True):
        first, last = moves[column_of[start]], moves[column_of[end]]
        if first == last:
            routes.append(tuple(_moved(corner, first) for corner in route))
        else:
            rest = [_moved(corner, last) for corner in route[1:]]
            routes.append(_around(_moved(route[0], first), rest, gutters[column_of[end]]))
    centres = tuple(_moved(centre, moves[column_of[box]]) for box, centre in enumerate(drawn.centres))
    return Layout(centres, tuple(routes), width - GAP, height)


def _corners(drawn: Layout, sizes: Sizes, boxes: Sequence[int]) -> list[Point]:
    """Return the upper left and the lower right corner of each box."""
    found = [(drawn.centres[box], sizes[box]) for box in boxes]
    return [(x + side * width / 2, y + side * height / 2) for (x, y), (width, height) in found for side in (-1, 1)]


def _moved(point: Point, by: Point) -> Point:
    return point[0] + by[0], point[1] + by[1]


def _around(start: Point, rest: Sequence[Point], gutter: float) -> tuple[Point, ...]:
    """Route an edge from the bottom of a column, up between the columns, to the top of the next."""
    below, above = start[1] + TURN, rest[0][1] - TURN
    return (start, (start[0], below), (gutter, below), (gutter, above), (rest[0][0], above), *rest)
