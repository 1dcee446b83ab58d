"""Lays out a directed acyclic graph in layers, from top to bottom (Sugiyama, Tagawa and Toda, 1981).

Layers are assigned by longest paths, ordered by barycentres, and given coordinates by `placement`.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from pipeline.report.placement import places

Edge = tuple[int, int]
Point = tuple[float, float]

GAP = 24.0  # between two boxes in a row, or a box and a passing edge
ROW = 30.0  # between two rows
BEND = 4.0  # the width of an edge that passes a row
SWEEPS = 8
MOST_BENDS = 40_000  # with more, edges go straight through: the drawing is hopeless anyway


@dataclass(frozen=True, slots=True)
class Layout:
    """The centres of boxes, the points of each edge from its start to its end, and the size of the drawing."""

    centres: tuple[Point, ...]
    routes: tuple[tuple[Point, ...], ...]
    width: float
    height: float


def layered(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> Layout:
    """Lay out boxes of `sizes` (width, height). Every edge goes from a lower to a higher index."""
    ranks = _ranks(len(sizes), edges)
    web = _Web.of(ranks, edges)
    rows = _ordered(web)
    widths = [width for width, _ in sizes] + [BEND] * (len(web.ranks) - len(sizes))
    across = places(rows, widths, web.above, web.below, len(sizes), GAP)
    left = min((x - widths[v] / 2 for v, x in enumerate(across)), default=0.0)
    across = [x - left for x in across]
    heights = [max((sizes[v][1] for v in row if v < len(sizes)), default=0.0) for row in rows]
    tops = list(accumulate((height + ROW for height in heights[:-1]), initial=0.0)) if rows else []
    middles = [top + height / 2 for top, height in zip(tops, heights, strict=True)]
    centres = tuple((across[v], middles[ranks[v]]) for v in range(len(sizes)))
    routes = []
    for (start, end), bends in zip(edges, web.bends, strict=True):
        corners = [(across[start], middles[ranks[start]] + sizes[start][1] / 2)]
        for bend in bends:
            row = web.ranks[bend]
            corners += [(across[bend], tops[row]), (across[bend], tops[row] + heights[row])]
        routes.append((*corners, (across[end], middles[ranks[end]] - sizes[end][1] / 2)))
    width = max((x + widths[v] / 2 for v, x in enumerate(across)), default=0.0)
    return Layout(centres, tuple(routes), width, tops[-1] + heights[-1] if rows else 0.0)


def _ranks(count: int, edges: Sequence[Edge]) -> list[int]:
    """Return the length of the longest path to each vertex; one without predecessors is just above its first use."""
    ranks = [0] * count
    followers: list[list[int]] = [[] for _ in range(count)]
    led_to = [False] * count
    for start, end in sorted(edges):
        ranks[end] = max(ranks[end], ranks[start] + 1)
        followers[start].append(end)
        led_to[end] = True
    for vertex in range(count):
        if not led_to[vertex] and followers[vertex]:
            ranks[vertex] = min(ranks[end] for end in followers[vertex]) - 1
    return ranks


@dataclass(frozen=True, slots=True)
class _Web:
    """The graph with a vertex wherever an edge passes a row, so that all links connect neighbouring rows."""

    ranks: list[int]
    bends: list[list[int]]  # by edge: the vertices from its start to its end
    above: list[list[int]]
    below: list[list[int]]

    @classmethod
    def of(cls, ranks: list[int], edges: Sequence[Edge]) -> _Web:
        passing = sum(ranks[end] - ranks[start] - 1 for start, end in edges) <= MOST_BENDS
        web = cls(list(ranks), [], [[] for _ in ranks], [[] for _ in ranks])
        for start, end in edges:
            bends = [web._bend(rank) for rank in range(ranks[start] + 1, ranks[end])] if passing else []
            web.bends.append(bends)
            for upper, lower in pairwise([start, *bends, end]):
                if web.ranks[lower] - web.ranks[upper] > 1:
                    continue
                web.below[upper].append(lower)
                web.above[lower].append(upper)
        return web

    def _bend(self, rank: int) -> int:
        self.ranks.append(rank)
        self.above.append([])
        self.below.append([])
        return len(self.ranks) - 1


def _ordered(web: _Web) -> list[list[int]]:
    """Order the vertices of each row to have few crossings: the best result of several sweeps down and up."""
    rows: list[list[int]] = [[] for _ in range(max(web.ranks, default=-1) + 1)]
    for vertex, rank in enumerate(web.ranks):
        rows[rank].append(vertex)
    best, fewest = [list(row) for row in rows], _crossings(rows, web)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        neighbours, order = (web.above, rows) if sweep % 2 == 0 else (web.below, rows[::-1])
        place = {v: float(i) for row in rows for i, v in enumerate(row)}
        for row in order:
            wanted = {v: _mean((place[n] for n in neighbours[v]), place[v]) for v in row}
            row.sort(key=lambda v, wanted=wanted: wanted[v])  # type: ignore[misc]
            place.update((v, float(i)) for i, v in enumerate(row))
        if (crossings := _crossings(rows, web)) < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _crossings(rows: Sequence[Sequence[int]], web: _Web) -> int:
    """Count the crossings of links between neighbouring rows."""
    count = 0
    for upper, lower in pairwise(rows):
        place = {v: i for i, v in enumerate(lower)}
        seen: list[int] = []
        for vertex in upper:
            ends = sorted(place[n] for n in web.below[vertex])
            count += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return count


def _mean(values: Iterable[float], otherwise: float) -> float:
    found = list(values)
    return sum(found) / len(found) if found else otherwise
