"""Matches the nodes of two networks."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any

from pipeline.diff.meaning import meaning, same_affine, same_operation
from pipeline.graph.values import Graph, Node, Shape

Pairs = list[tuple[Node, Node]]
Kind = tuple[Any, ...]
_COMPARISONS = 4_000_000  # of pairs of nodes, at most
_PARTS = 16  # consecutive nodes as which a single one may be written, at most


@dataclass(frozen=True)
class Match:
    """Pairs of corresponding nodes, and nodes without a partner, each in running order."""

    before: Graph
    after: Graph
    pairs: Pairs
    removed: Sequence[Node]
    added: Sequence[Node]

    def moved(self, a: Node, b: Node) -> bool:
        """Return whether the nodes of a pair have different sources."""
        return self.sources_before(a) != self.sources_after(b)

    def behind_unpaired(self, a: Node, b: Node) -> bool:
        """Return whether a node of a pair follows one without a partner, so that its sources cannot be compared."""
        return any(v is not None and v.name in self._unpaired for v in (*a.inputs, *b.inputs))

    def sources_before(self, node: Node) -> tuple[str, ...]:
        """Return the names of the sources of a node of the first network, skipping nodes without a partner."""
        return self._sources(self.before, self._anchors_before, node)

    def sources_after(self, node: Node) -> tuple[str, ...]:
        """Return the sources of a node of the second network, by the names of their partners in the first."""
        return self._sources(self.after, self._anchors_after, node)

    def _sources(self, graph: Graph, anchors: Mapping[str, str], node: Node) -> tuple[str, ...]:
        named = (anchors.get(v.name, "") for v in node.inputs if v is not None and v.name not in graph.weights)
        return tuple(named)

    @cached_property
    def _unpaired(self) -> set[str]:
        return {value.name for node in (*self.removed, *self.added) for value in node.outputs}

    @cached_property
    def _anchors_before(self) -> dict[str, str]:
        return self._anchors(self.before, {a.name: a.name for a, _ in self.pairs})

    @cached_property
    def _anchors_after(self) -> dict[str, str]:
        return self._anchors(self.after, {b.name: a.name for a, b in self.pairs})

    def _anchors(self, graph: Graph, known: Mapping[str, str]) -> dict[str, str]:
        """Return the source of each value: an input, or an output of the nearest earlier node with a partner."""
        found = {value.name: f"input {i}" for i, value in enumerate(graph.inputs, 1)}
        for node in graph.nodes:
            through = next((found[v.name] for v in node.inputs if v is not None and v.name in found), "")
            for i, value in enumerate(node.outputs):
                name = known.get(node.name)
                found[value.name] = through if name is None else f"{name}[{i}]" if i else name
        return found


def match(before: Graph, after: Graph) -> Match:
    """Match the nodes of two networks by name, or by what they compute, whichever leaves fewer differences.

    A node that changed beside one without a partner gets no partner, either: both are then parts of something that is
    written differently, such as a pooling and the slice after it.
    """
    by_name = _aligned(before, after, _same_names(before, after))
    by_kind = _aligned(before, after, [])
    return _without_parts(min(by_name, by_kind, key=_surprise))


def _without_parts(found: Match) -> Match:
    """Return the match without pairs that differ and are next to a node without a partner, repeatedly."""
    graphs = (found.before, found.after)
    for _ in range(_PARTS):
        lone = {id(node) for node in (*found.removed, *found.added)}
        beside = {id(node) for graph in graphs for node in _neighbours(graph, lone)}
        kept = [pair for pair in found.pairs if beside.isdisjoint(map(id, pair)) or _alike(found, *pair)]
        if len(kept) == len(found.pairs):
            break
        found = _with_pairs(*graphs, kept)
    return found


def _alike(found: Match, a: Node, b: Node) -> bool:
    """Return whether two nodes compute the same, and have the same sources or name."""
    placed = a.output.name == b.output.name or not found.moved(a, b)
    return placed and same_operation(a, b) and same_affine(found.before, found.after, a, b)


def _neighbours(graph: Graph, lone: set[int]) -> list[Node]:
    """Return the nodes that take an output, or make an input, of a node in `lone`."""
    made = {value.name for node in graph.nodes if id(node) in lone for value in node.outputs}
    taken = {v.name for node in graph.nodes if id(node) in lone for v in node.inputs if v is not None}
    return [
        node
        for node in graph.nodes
        if any(v is not None and v.name in made for v in node.inputs) or any(v.name in taken for v in node.outputs)
    ]


def _aligned(before: Graph, after: Graph, pairs: Pairs) -> Match:
    """Return `pairs`, extended by the longest common runs of nodes that compute the same, then of equal operators."""
    pairs = list(pairs)
    for exact in (True, False):
        taken = {id(node) for pair in pairs for node in pair}
        rest = [[node for node in graph.nodes if id(node) not in taken] for graph in (before, after)]
        kinds = [[_kind(node, exact) for node in nodes] for nodes in rest]
        pairs += [(rest[0][x], rest[1][y]) for x, y in _in_common(*kinds)]
    return _with_pairs(before, after, pairs)


def _in_common(a: Sequence[Kind], b: Sequence[Kind]) -> Iterator[tuple[int, int]]:
    """Yield pairs of positions with equal items: the common ends of two sequences, and the longest runs in between.

    The time to find runs grows with the square of the length; longer sequences are paired one by one.
    """
    least = min(len(a), len(b))
    begin = next((i for i in range(least) if a[i] != b[i]), least)
    end = next((i for i in range(least - begin) if a[-1 - i] != b[-1 - i]), least - begin)
    yield from ((i, i) for i in range(begin))
    some, others = a[begin : len(a) - end], b[begin : len(b) - end]
    if len(some) * len(others) <= _COMPARISONS:
        blocks = SequenceMatcher(None, some, others, autojunk=False).get_matching_blocks()
        yield from ((begin + x + i, begin + y + i) for x, y, size in blocks for i in range(size))
    else:
        yield from ((begin + x, begin + y) for x, y in _one_by_one(some, others))
    yield from ((len(a) - i, len(b) - i) for i in range(end, 0, -1))


def _one_by_one(a: Sequence[Kind], b: Sequence[Kind]) -> list[tuple[int, int]]:
    """Return pairs of the first of each kind, the second, and so on, as many as are in the same order in both.

    These are a longest increasing subsequence; `last` has the least end of those of each length.
    """
    places: dict[Kind, deque[int]] = {}
    for y, kind in enumerate(b):
        places.setdefault(kind, deque()).append(y)
    pairs = [(x, places[kind].popleft()) for x, kind in enumerate(a) if places.get(kind)]
    ends, last, before = list[int](), list[int](), list[int]()
    for i, (_, y) in enumerate(pairs):
        length = bisect_left(ends, y)
        ends[length : length + 1], last[length : length + 1] = [y], [i]
        before.append(last[length - 1] if length else -1)
    kept, i = list[tuple[int, int]](), last[-1] if last else -1
    while i >= 0:
        kept.append(pairs[i])
        i = before[i]
    return kept[::-1]


def _with_pairs(before: Graph, after: Graph, pairs: Pairs) -> Match:
    order = {id(node): i for i, node in enumerate(before.nodes)}
    pairs = sorted(pairs, key=lambda pair: order[id(pair[0])])
    taken = {id(node) for pair in pairs for node in pair}
    removed, added = ([node for node in graph.nodes if id(node) not in taken] for graph in (before, after))
    return Match(before, after, pairs, removed, added)


def _same_names(before: Graph, after: Graph) -> Pairs:
    """Return pairs of nodes with the same operator, and the same name of the output or of the node."""
    pairs: Pairs = []
    taken: set[int] = set()
    names: tuple[Callable[[Node], str], ...] = (lambda node: node.output.name, lambda node: node.name)
    for called in names:
        named = {called(node): node for node in after.nodes if id(node) not in taken}
        for node in before.nodes:
            other = named.get(called(node))
            if id(node) not in taken and other is not None and meaning(node)[0] == meaning(other)[0]:
                pairs.append((node, other))
                taken |= {id(node), id(other)}
                del named[called(node)]
    return pairs


def _kind(node: Node, exact: bool) -> Kind:
    operator, attributes = meaning(node)
    return (operator, tuple(attributes.items()), _shapes(node)) if exact else (operator,)


def _shapes(node: Node) -> tuple[Shape | None, ...]:
    return tuple(None if value is None else value.shape for value in node.inputs)


def _surprise(found: Match) -> int:
    """Return the number of differences that a match leaves."""
    changed = sum(not same_operation(a, b) or _shapes(a) != _shapes(b) for a, b in found.pairs)
    moved = sum(found.moved(a, b) for a, b in found.pairs)
    return len(found.removed) + len(found.added) + changed + moved
