"""Assigns coordinates to vertices along their rows, so that long edges are straight.

Brandes and Köpf, Fast and Simple Horizontal Coordinate Assignment, 2001: chains of vertices are aligned in four ways
(from above or below, to the left or right), each alignment is packed, and a vertex is placed at the mean of its two
median coordinates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

Row = Sequence[int]
Links = Sequence[Sequence[int]]  # by vertex: its neighbours in the row above or below


def places(
    rows: Sequence[Row], widths: Sequence[float], above: Links, below: Links, boxes: int, gap: float
) -> list[float]:
    """Return the centre of every vertex along its row, at least `gap` apart. Vertices from `boxes` on are bends."""
    if not rows:
        return []
    conflicts = _conflicts(rows, above, boxes)
    ways = []
    for links, ordered in ((above, list(rows)), (below, list(rows)[::-1])):
        for leftwards in (True, False):
            seen = ordered if leftwards else [row[::-1] for row in ordered]
            x = _packed(seen, _aligned(seen, links, conflicts), widths, gap)
            ways.append(x if leftwards else [-place for place in x])
    return _balanced(ways, widths)


def _conflicts(rows: Sequence[Row], above: Links, boxes: int) -> set[tuple[int, int]]:
    """Return the links that cross a link between two bends, which has priority to be straight."""
    found: set[tuple[int, int]] = set()
    for upper, lower in pairwise(rows):
        place = {vertex: i for i, vertex in enumerate(upper)}
        left, done = 0, 0
        for i, vertex in enumerate(lower):
            inner = next((place[u] for u in above[vertex] if u >= boxes and vertex >= boxes), None)
            if inner is None and i < len(lower) - 1:
                continue
            right = len(upper) if inner is None else inner
            for crossing in lower[done : i + 1]:
                for u in above[crossing]:
                    if not left <= place[u] <= right and not (u >= boxes and crossing >= boxes):
                        found |= {(u, crossing), (crossing, u)}
            left, done = right, i + 1
    return found


def _aligned(rows: Sequence[Row], links: Links, conflicts: set[tuple[int, int]]) -> list[int]:
    """Align each vertex with a median neighbour in the previous row; return the first vertex of each one's chain."""
    first = list(range(len(links)))
    taken = [False] * len(links)
    for before, row in pairwise(rows):
        place = {vertex: i for i, vertex in enumerate(before)}
        reached = -1
        for vertex in row:
            near = sorted(links[vertex], key=place.__getitem__)
            for neighbour in near[(len(near) - 1) // 2 : len(near) // 2 + 1]:
                if place[neighbour] > reached and not taken[neighbour] and (neighbour, vertex) not in conflicts:
                    first[vertex] = first[neighbour]
                    taken[neighbour] = True
                    reached = place[neighbour]
                    break
    return first


def _packed(rows: Sequence[Row], first: Sequence[int], widths: Sequence[float], gap: float) -> list[float]:
    """Place chains as far left as possible, then move them right if there is room."""
    apart: dict[tuple[int, int], float] = {}
    for row in rows:
        for left, right in pairwise(row):
            pair = first[left], first[right]
            apart[pair] = max(apart.get(pair, 0.0), (widths[left] + widths[right]) / 2 + gap)
    rights: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
    waiting: defaultdict[int, int] = defaultdict(int)
    for (left, right), distance in apart.items():
        rights[left].append((right, distance))
        waiting[right] += 1
    x = [0.0] * len(first)
    order = [vertex for vertex, chain in enumerate(first) if vertex == chain and not waiting[vertex]]
    for chain in order:  # grows during the iteration
        for right, distance in rights[chain]:
            x[right] = max(x[right], x[chain] + distance)
            waiting[right] -= 1
            if not waiting[right]:
                order.append(right)
    for chain in reversed(order):
        x[chain] = max(x[chain], min((x[right] - distance for right, distance in rights[chain]), default=x[chain]))
    return [x[chain] for chain in first]


def _balanced(ways: Sequence[list[float]], widths: Sequence[float]) -> list[float]:
    """Align the four placements with the narrowest one, and return the mean of each vertex's two middle coordinates."""
    lefts = [min(x - width / 2 for x, width in zip(way, widths, strict=True)) for way in ways]
    ends = [max(x + width / 2 for x, width in zip(way, widths, strict=True)) for way in ways]
    narrowest = min(range(len(ways)), key=lambda i: ends[i] - lefts[i])
    shifts = [
        ends[narrowest] - ends[i] if i % 2 else lefts[narrowest] - lefts[i]  # every second one is packed to the right
        for i in range(len(ways))
    ]
    columns = zip(*([x + shift for x in way] for way, shift in zip(ways, shifts, strict=True)), strict=True)
    return [sum(sorted(column)[1:3]) / 2 for column in columns]
