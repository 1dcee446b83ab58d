"""Finds repetitions in a network, so that a drawing can show equal blocks in a row as one box.

Two consecutive layers that all values pass through enclose a block with a single entry and exit: the first dominates
the second, and the second post-dominates the first (Johnson, Pearson and Pingali, The Program Structure Tree, 1994).
Consecutive blocks form a chain, in which equal ones may follow each other.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import networkx as nx

from pipeline.report.data import NetworkSummary

LEGIBLE = 24  # layers up to which nothing is folded
CROWDED = 40  # boxes beyond which rows of layers are folded, too
SHARE = 4  # a block without repetition is folded if it is at most 1/SHARE of the network
PERIOD = 64  # the largest number of blocks that repeat together
START, END = -1, -2  # virtual layers before the inputs and after the outputs


@dataclass(frozen=True, slots=True)
class Part:
    """A box of a drawing: the layers in it, by index, and how often their pattern repeats."""

    layers: tuple[int, ...]
    times: int = 1

    @property
    def pattern(self) -> tuple[int, ...]:
        """The layers of the first repetition."""
        return self.layers[: len(self.layers) // self.times]


def folded(network: NetworkSummary, legible: int = LEGIBLE, crowded: int = CROWDED) -> tuple[Part, ...]:
    """Return the boxes that show a network of more than `legible` layers, each after those that it depends on.

    Equal blocks in a row become one box, and so does a block of several branches if it is a small part of the network.
    If more than `crowded` boxes remain, layers that follow one another without a branch are joined, too. Blocks are
    equal if they have the same operators with the same attributes and connections; channels and numbers may differ.
    """
    if len(network.layers) <= legible:
        return whole(network)
    blocks = _Blocks(network)
    chains = list(blocks.chains())
    if sum(map(len, chains)) > crowded:
        chains = [list(blocks.in_rows(chain)) for chain in chains]
    parts = (Part(block.layers, block.times) for chain in chains for block in chain)
    return tuple(sorted(parts, key=lambda part: max(part.layers)))


def whole(network: NetworkSummary) -> tuple[Part, ...]:
    """Return a box for each layer."""
    return tuple(Part((layer.index,)) for layer in network.layers)


@dataclass(frozen=True, slots=True)
class _Block:
    """The layers of a block, or of several equal blocks in a row. Blocks are equal if their patterns are."""

    layers: tuple[int, ...]
    pattern: Hashable
    times: int = 1


class _Blocks:
    """The blocks of a network."""

    def __init__(self, network: NetworkSummary) -> None:
        self._layers = network.layers
        self._graph = nx.DiGraph(network.edges)
        self._graph.add_nodes_from(range(len(self._layers)))
        starts = [(START, place) for place, above in self._graph.pred.items() if not above]
        ends = [(place, END) for place, below in self._graph.succ.items() if not below or self._layers[place].is_output]
        self._graph.add_edges_from((*starts, *ends))
        above = nx.immediate_dominators(self._graph, START)
        below = nx.immediate_dominators(self._graph.reverse(copy=False), END)
        self._next = {place: end for place, end in below.items() if place != end and above.get(end) == place}

    def chains(self) -> Iterator[list[_Block]]:
        """Yield the boxes of every chain, outermost first."""
        drawn = set(self._next.values())
        for start in (START, *range(len(self._layers))):
            if start not in drawn:
                chain = [self._block(inner, end) for *inner, end in self._chain(start)]
                drawn.update(layer for block in chain for layer in block.layers)
                yield [block for block in _repeats(chain) if END not in block.layers]

    def in_rows(self, chain: Sequence[_Block]) -> Iterator[_Block]:
        """Yield the blocks of a chain, joining three or more layers that follow one another."""
        for in_row, blocks in groupby(chain, self._is_in_row):
            row = tuple(blocks)
            joined = _Block(tuple(layer for block in row for layer in block.layers), None)
            yield from (joined,) if in_row and len(row) > 2 else row

    def _is_in_row(self, block: _Block) -> bool:
        """Return whether a block is a single layer with one input that is not an output of the network."""
        layer, *others = block.layers
        above = self._graph.pred[layer]
        return not others and len(above) == 1 and START not in above and END not in self._graph.succ[layer]

    def _chain(self, start: int) -> Iterator[tuple[int, ...]]:
        """Yield the blocks of the chain that begins at a layer, in order. The last one is its common end."""
        if start != START:
            yield (start,)
        while (end := self._next.get(start)) is not None:
            yield (*sorted(self._between(start, end)), end)
            start = end

    def _between(self, start: int, end: int) -> set[int]:
        """Return the layers between two layers, but no more than just too many to be folded."""
        found: set[int] = set()
        waiting = [start]
        while waiting and not self._is_most(found):
            new = {place for place in self._graph.succ[waiting.pop()] if place != end} - found
            found |= new
            waiting += new
        return found

    def _block(self, inner: Sequence[int], end: int) -> _Block:
        return _Block((end,), end) if self._stays_open(inner) else _Block((*inner, end), self._pattern((*inner, end)))

    def _stays_open(self, inner: Sequence[int]) -> bool:
        """Return whether a block is not folded, since it contains inputs, outputs, or most of the network."""
        ends = (START in self._graph.pred[place] or END in self._graph.succ[place] for place in inner)
        return self._is_most(inner) or any(ends)

    def _is_most(self, inner: Collection[int]) -> bool:
        return len(inner) * SHARE > len(self._layers)

    def _pattern(self, layers: Sequence[int]) -> Hashable:
        places = {layer: place for place, layer in enumerate(layers)}
        return tuple(
            (
                self._layers[layer].operator,
                tuple(self._layers[layer].attributes.items()),
                tuple(sorted(places.get(above, -1) for above in self._graph.pred[layer])),
            )
            for layer in layers
            if layer != END
        )


def _repeats(chain: Sequence[_Block]) -> Sequence[_Block]:
    """Join equal blocks in a row, and equal sequences of blocks."""
    for period in range(1, PERIOD + 1):
        chain = list(_joined(chain, period))
    return chain


def _joined(chain: Sequence[_Block], period: int) -> Iterator[_Block]:
    """Yield the blocks of a chain, joining everything that repeats after `period` blocks, largest block first."""
    place = 0
    while place < len(chain):
        times, spare = divmod(_alike(chain, place, period) + period, period)
        lead = max(range(place, place + spare + 1), key=lambda at: len(chain[at].layers))
        row = chain[lead : lead + times * period]
        layers = tuple(layer for block in row for layer in block.layers)
        if times == 1 or len(layers) == 2:
            yield chain[place]
            place += 1
            continue
        yield from chain[place:lead]
        yield _Block(layers, (times, *(block.pattern for block in row[:period])), times)
        place = lead + len(row)


def _alike(chain: Sequence[_Block], place: int, period: int) -> int:
    """Return how many blocks from a place on equal those `period` places later."""
    count = 0
    while place + count + period < len(chain) and chain[place + count].pattern == chain[place + count + period].pattern:
        count += 1
    return count
