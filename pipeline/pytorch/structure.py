"""Groups consecutive layers into nn.Sequential containers, as in the original network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from pipeline.graph.names import Names
from pipeline.pytorch.code import Code, Ref, refs
from pipeline.pytorch.identifiers import free
from pipeline.pytorch.steps import Step

_DEEPEST = 12  # levels of nested containers; Python can parse a few dozen more brackets


@dataclass(frozen=True, slots=True)
class Chain:
    """An nn.Sequential: its parts by name, each of which is a chain itself, or the number of a layer."""

    parts: tuple[tuple[str, Chain | int], ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """A line of `forward` that applies a submodule to a value, given as code."""

    name: str
    module: Chain | int
    code: Code
    outputs: tuple[str, ...]


Line = Applied | Step


def grouped(steps: Sequence[Step], outputs: Sequence[Code]) -> list[Line]:
    """Return the lines of `forward`, where consecutive layers of one container form one line.

    For steps at 1.1, 1.2, 1.3 and 2.1, each a layer that alone uses the output of the previous one, the lines are:
        x = self.layer1(x), with a chain of "1", "2", "3"
        x = self.layer2_1(x)
    """
    grouping = _Grouping(steps, _links(steps, outputs))
    start = grouping.shared(0, len(steps), 0) if len(steps) > 1 else 0
    return list(grouping.lines(0, len(steps), start)) if steps else []


def whole(steps: Sequence[Step], inputs: Sequence[str], outputs: Sequence[Code]) -> Chain | None:
    """Return the whole network as a chain; None if it is not one."""
    links = _links(steps, outputs)
    ends = len(inputs) == 1 and steps and list(outputs) == [Ref(steps[-1].outputs[0])]
    alone = ends and steps[0].code == Ref(inputs[0]) and steps[0].layer >= 0
    if not alone or len(steps) < 2 or not all(links[1:]) or _repeated(steps):
        return None
    grouping = _Grouping(steps, links)
    return grouping.chain(0, len(steps), grouping.shared(0, len(steps), 0))


def _repeated(steps: Sequence[Step]) -> set[int]:
    counts = Counter(step.layer for step in steps if step.layer >= 0)
    return {layer for layer, count in counts.items() if count > 1}


def _links(steps: Sequence[Step], outputs: Sequence[Code]) -> list[bool]:
    """Return for each step whether it is a layer that alone uses the output of the layer before it."""
    uses = Counter(name for step in steps for name in refs(step.code))
    uses.update(name for found in outputs for name in refs(found))
    repeated = _repeated(steps)
    layers = [step.layer >= 0 and step.layer not in repeated for step in steps]
    return [
        i > 0
        and layers[i]
        and layers[i - 1]
        and step.code == Ref(steps[i - 1].outputs[0])
        and uses[steps[i - 1].outputs[0]] == 1
        for i, step in enumerate(steps)
    ]


class _Grouping:
    """Groups steps by their paths. Bounds are numbers of steps; `depth` words of the paths are already used."""

    def __init__(self, steps: Sequence[Step], links: Sequence[bool]) -> None:
        self.steps, self.links = steps, links

    def lines(self, start: int, end: int, depth: int) -> list[Line]:
        """Return the lines of `forward` for the steps of one container."""
        found: list[Line] = []
        for first, last, deeper in self._runs(start, end, depth):
            if last - first > 1 and all(self.links[first + 1 : last]):
                name = "_".join(self.steps[first].place[:deeper])
                found.append(self._applied(name, self.chain(first, last, deeper), first, last))
            elif last - first > 1 and deeper > depth:
                found += self.lines(first, last, deeper)
            else:
                found += [self._line(i) for i in range(first, last)]
        return found

    def _line(self, i: int) -> Line:
        step = self.steps[i]
        return step if step.layer < 0 else self._applied(step.name, step.layer, i, i + 1)

    def _applied(self, name: str, module: Chain | int, first: int, last: int) -> Applied:
        return Applied(name, module, self.steps[first].code, self.steps[last - 1].outputs)

    def chain(self, start: int, end: int, depth: int, level: int = 1) -> Chain:
        """Return the chain of linked steps."""
        taken, parts = Names(), list[tuple[str, Chain | int]]()
        for first, last, deeper in self._runs(start, end, depth):
            if last - first > 1 and deeper > depth and level < _DEEPEST:
                name = taken.claim(free("_".join(self.steps[first].place[depth:deeper])))
                parts.append((name, self.chain(first, last, deeper, level + 1)))
                continue
            for step in self.steps[first:last]:
                parts.append((taken.claim(free("_".join(step.place[depth:]) or "layer")), step.layer))
        return Chain(tuple(parts))

    def _runs(self, start: int, end: int, depth: int) -> list[tuple[int, int, int]]:
        """Return the runs of steps whose paths have the same next word: their bounds, and their common depth."""

        def next_word(i: int) -> tuple[str, bool]:
            place = self.steps[i].place
            return place[depth], len(place) > depth + 1  # a step may have a container's name

        runs = [list(run) for _, run in groupby(range(start, end), key=next_word)]
        return [(run[0], run[-1] + 1, self.shared(run[0], run[-1] + 1, depth)) for run in runs]

    def shared(self, start: int, end: int, depth: int) -> int:
        """Return the number of words that the paths of several steps have in common, fewer than any of them has."""
        places = [self.steps[i].place for i in range(start, end)]
        most = min(len(place) for place in places) - 1
        while depth < most and len({place[depth] for place in places}) == 1:
            depth += 1
        return depth
