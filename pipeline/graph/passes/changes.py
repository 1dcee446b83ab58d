"""Finds what a pass has changed by comparing the graphs before and after it."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.graph.values import Graph, Node


@dataclass(frozen=True, slots=True)
class Change:
    """What a pass did to a node. `origin` is the place of the node in the network that was read."""

    by: str
    node: str
    operator: str
    origin: str
    what: str


def changes(by: str, before: Graph, after: Graph) -> Iterator[Change]:
    """Return the nodes that were folded into others, removed, changed or added.

    Nodes whose only change is the name of an input or output are not listed.
    """
    kept = {node.name: node for node in after.nodes}
    takers = _Takers(before.consumers(), after.producers(), kept)
    known = {node.name for node in before.nodes}
    for node in before.nodes:
        if node.name in kept:
            what = _difference(node, kept[node.name])
        else:
            taker = takers.of(node)
            what = f"folded into {taker.origin}" if taker else "left out"
        if what:
            yield Change(by, node.name, node.operator.name, str(node.origin), what)
    for node in after.nodes:
        if node.name not in known:
            yield Change(by, node.name, node.operator.name, str(node.origin), "added")


@dataclass(frozen=True, slots=True)
class _Takers:
    """Finds the node that replaces a removed one: it makes the output of that node, or of the last one folded."""

    consumers: Mapping[str, Sequence[Node]]
    makers: Mapping[str, Node]
    kept: Container[str]

    def of(self, node: Node) -> Node | None:
        """Return the replacement of a node; None if there is none."""
        while node.output.name not in self.makers:
            following = [user for user in self.consumers.get(node.output.name, ()) if user.name not in self.kept]
            if not following:
                return None
            node = following[0]
        return self.makers[node.output.name]


def _difference(before: Node, after: Node) -> str:
    old, new = before.operator.attributes, after.operator.attributes
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return ", ".join(f"{name} {old.get(name)} -> {new.get(name)}" for name in names)
