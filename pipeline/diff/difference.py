"""Finds the differences of two networks by meaning, whatever formats they come from.

Names do not matter, nor does the order of nodes that do not depend on each other, nor nodes that change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.diff.matching import Match, match
from pipeline.diff.meaning import affine, meaning, same_affine, same_operation
from pipeline.graph.comparison import Difference, compare
from pipeline.graph.evaluation import evaluate
from pipeline.graph.operators import BatchNormalization
from pipeline.graph.passes.cleanup import remove_identity
from pipeline.graph.values import Graph, Node, Value
from pipeline.inspection.views import value_text
from pipeline.verification import feeds

Array = np.ndarray[Any, Any]
# Changes that may be only another way to write the same. They matter if the outputs differ.
_OF_WRITING = frozenset({"added", "removed"})


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A difference. `what` is removed, added, moved, operator, attribute, weight, input or output."""

    what: str
    where: str
    detail: str
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True)
class OutputComparison:
    """The comparison of both networks on the same inputs: each output, and the first value that differs too much."""

    outputs: Mapping[str, Difference]
    first: str = ""

    def agree(self, tolerance: float) -> bool:
        """Return whether all outputs agree within `tolerance`."""
        return all(difference.within(tolerance) for difference in self.outputs.values())


@dataclass(frozen=True, slots=True)
class Diff:
    """All differences of two networks. `numbers` is None if they could not be run, and `why` is the reason."""

    changes: tuple[Discrepancy, ...]
    renamed: tuple[tuple[str, str], ...]
    numbers: OutputComparison | None
    why: str
    tolerance: float

    @property
    def same(self) -> bool:
        """Whether the networks mean the same.

        They do if nothing changed; or if some nodes are written differently (a LogSoftmax as several layers), but all
        other nodes, all weights, and the outputs on the same inputs are the same.
        """
        if self.numbers and not self.numbers.agree(self.tolerance):
            return False
        only_writing = all(change.what in _OF_WRITING for change in self.changes)
        return not self.changes or (only_writing and self.numbers is not None)


def diff(
    before: Graph, after: Graph, *, tolerance: float = 1e-4, seed: int = 0, weights: bool = True, run: bool = True
) -> Diff:
    """Compare two networks.

    Weights are compared as float32, with which networks compute, and any difference counts. With `run`, and if the
    inputs of both have the same shapes, the outputs are compared on seeded random inputs within `tolerance`.
    """
    before, after = remove_identity(before), remove_identity(after)
    matched = match(before, after)
    changes = [*_ports("input", before.inputs, after.inputs), *_nodes(matched)]
    changes += _weights(before, after, matched) if weights else []
    changes += _ports("output", before.outputs, after.outputs)
    why = "" if weights else "a network is there without its weights"
    why = why or ("" if run else "nothing was to be run") or _not_comparable(before, after)
    numbers = None if why else _run(before, after, matched, tolerance, seed)
    renamed = tuple((a.name, b.name) for a, b in matched.pairs if a.name != b.name)
    return Diff(tuple(changes), renamed, numbers, why, tolerance)


def diff_weights(before: Mapping[str, Array], after: Mapping[str, Array]) -> Diff:
    """Compare two files of weights by name."""
    changes = [Discrepancy("removed", name, _shape(before[name])) for name in before if name not in after]
    changes += [Discrepancy("added", name, _shape(after[name])) for name in after if name not in before]
    for name in before.keys() & after.keys():
        changes += _weight(name, before[name], after[name])
    return Diff(tuple(changes), (), None, "weights alone cannot be run", 0.0)


def _ports(what: str, before: Sequence[Value], after: Sequence[Value]) -> Iterator[Discrepancy]:
    for i in range(max(len(before), len(after))):
        a, b = (ports[i] if i < len(ports) else None for ports in (before, after))
        types = [(value.shape, value.dtype) if value else None for value in (a, b)]
        if types[0] != types[1]:
            name = (a or b or before[0]).name
            texts = [f"{'x'.join(map(str, v.shape))} {v.dtype}" if v else "nothing" for v in (a, b)]
            yield Discrepancy(what, name, " -> ".join(texts), *(list(v.shape) if v else None for v in (a, b)))


def _nodes(matched: Match) -> Iterator[Discrepancy]:
    for node in matched.removed:
        yield Discrepancy("removed", node.name, _described(node), node.operator.name)
    for node in matched.added:
        yield Discrepancy("added", node.name, _described(node), None, node.operator.name)
    for a, b in matched.pairs:
        yield from _attributes(a, b)
        if matched.moved(a, b) and not matched.behind_unpaired(a, b):
            sources = [", ".join(s) or "nothing" for s in (matched.sources_before(a), matched.sources_after(b))]
            yield Discrepancy("moved", a.name, f"behind {sources[0]} -> behind {sources[1]}", *sources)


def _attributes(a: Node, b: Node) -> Iterator[Discrepancy]:
    """Yield the attributes that differ, unless the nodes compute the same nevertheless."""
    if same_operation(a, b):
        return
    (kind, old), (other, new) = meaning(a), meaning(b)
    if kind != other:
        yield Discrepancy(
            "operator", a.name, f"{a.operator.name} -> {b.operator.name}", a.operator.name, b.operator.name
        )
        return
    if a.operator.name == b.operator.name and kind != "Reshape":
        old, new = a.operator.attributes, b.operator.attributes
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            texts = [value_text(attributes.get(name)) for attributes in (old, new)]
            yield Discrepancy("attribute", a.name, f"{name}: {texts[0]} -> {texts[1]}", old.get(name), new.get(name))


def _described(node: Node) -> str:
    origin = f" of {node.origin}" if node.origin.kind and node.origin.kind != node.operator.name else ""
    return f"{node.operator.name}{origin}"


def _weights(before: Graph, after: Graph, matched: Match) -> Iterator[Discrepancy]:
    for a, b in matched.pairs:
        if affine(before, a) and affine(after, b):
            if not same_affine(before, after, a, b):
                yield from _affine(before, after, a, b)
            continue
        if isinstance(a.operator, BatchNormalization) and a.operator != b.operator:
            epsilons = tuple(node.operator.attributes.get("epsilon") for node in (a, b))
            yield Discrepancy("attribute", a.name, f"epsilon: {epsilons[0]} -> {epsilons[1]}", *epsilons)
        for i, (x, y) in enumerate(zip(a.inputs, b.inputs, strict=False)):
            old, new = (g.weights.get(v.name) if v else None for g, v in ((before, x), (after, y)))
            if old is not None and new is not None:
                yield from _weight(a.name if i == 1 else f"{a.name}, input {i}", old, new)
        counts = [sum(v is not None and v.name in g.weights for v in n.inputs) for g, n in ((before, a), (after, b))]
        if counts[0] != counts[1] and not matched.behind_unpaired(a, b):
            yield Discrepancy("weight", a.name, f"{counts[0]} weights -> {counts[1]} weights", *counts)


def _affine(before: Graph, after: Graph, a: Node, b: Node) -> Iterator[Discrepancy]:
    """Yield the differences of the factors and summands of two batch normalisations."""
    for what, old, new in zip(("factor", "summand"), affine(before, a) or (), affine(after, b) or (), strict=True):
        yield from _weight(f"{a.name}, {what}", old, new)


def _weight(name: str, old: Array, new: Array) -> Iterator[Discrepancy]:
    """Yield the difference of two weights, if any. Sizes of 1 in their shapes do not matter."""
    if [n for n in old.shape if n != 1] != [n for n in new.shape if n != 1]:
        yield Discrepancy("weight", name, f"{_shape(old)} -> {_shape(new)}", list(old.shape), list(new.shape))
        return
    with np.errstate(over="ignore"):
        found = compare(
            *(np.asarray(a, np.float32 if a.dtype.kind == "f" else a.dtype).reshape(-1) for a in (new, old))
        )
    if found.maximum > 0:
        detail = f"{found.maximum:.3g} apart at most, {found.relative:.3g} relative to max(1, max |before|)"
        yield Discrepancy("weight", name, detail, found.maximum, found.relative)


def _shape(array: Array) -> str:
    return "x".join(map(str, array.shape)) or "scalar"


def _not_comparable(before: Graph, after: Graph) -> str:
    """Return the reason why two networks cannot be run on the same inputs; "" if they can."""
    for what, old, new in (("inputs", before.inputs, after.inputs), ("outputs", before.outputs, after.outputs)):
        if [value.type for value in old] != [value.type for value in new]:
            return f"their {what} are not the same"
    return ""


def _run(before: Graph, after: Graph, matched: Match, tolerance: float, seed: int) -> OutputComparison:
    """Run both networks in parallel, and keep a value of one only until the other has computed its counterpart."""
    arrays = feeds.random_inputs(before, seed).inputs
    same_as = {y.name: x.name for a, b in matched.pairs for x, y in zip(a.outputs, b.outputs, strict=False)}
    same_as |= {y.name: x.name for x, y in zip(before.outputs, after.outputs, strict=True)}
    wanted = set(same_as.values())
    theirs = _computed(after, arrays)
    held: dict[str, Array] = {}
    found: dict[str, Difference] = {}
    for name, array in _computed(before, arrays):
        while name in wanted and name not in held:
            following = next(theirs, None)
            if following is None:
                break
            if following[0] in same_as:
                held[same_as[following[0]]] = following[1]
        if name in held:
            found[name] = compare(held.pop(name), array)
    apart = (name for name, difference in found.items() if not difference.within(tolerance))
    outputs = {value.name: found[value.name] for value in before.outputs if value.name in found}
    return OutputComparison(outputs, next(apart, ""))


def _computed(graph: Graph, arrays: Sequence[Array]) -> Iterator[tuple[str, Array]]:
    """Yield the values of a graph, beginning with inputs and weights that are outputs."""
    yield from zip((value.name for value in graph.inputs), arrays, strict=True)
    yield from ((value.name, graph.weights[value.name]) for value in graph.outputs if value.name in graph.weights)
    yield from ((value.name, array) for value, array in evaluate(graph, arrays))
