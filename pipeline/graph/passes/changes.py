"""What a pass has changed, found by comparing the graph before with the one after: no pass has to tell."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.graph.values import Graph, Node


@dataclass(frozen=True, slots=True)
class Change:
    """What one pass did to one node; `origin` is the node's place in the network that was read."""

    by: str
    node: str
    operator: str
    origin: str
    what: str


def changes(by: str, before: Graph, after: Graph) -> Iterator[Change]:
    """List the nodes that are folded into others or left out, those that are other than before, and new ones.

    That a node takes or gives a value of another name, as a result of the rest, is not listed.
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
    """Finds the node that does the work of one that is gone: it makes what that, or the last one folded, made."""

    consumers: Mapping[str, Sequence[Node]]
    makers: Mapping[str, Node]
    kept: Container[str]

    def of(self, node: Node) -> Node | None:
        """Return that node, None where the work is not done any more."""
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
