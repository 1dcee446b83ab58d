"""The table of writers, and what they build with: the steps of a module, and its parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from pipeline.graph.names import Names
from pipeline.graph.values import Graph, Node, Value
from pipeline.graph.writers import NetBuilder, Writers
from pipeline.pytorch.code import Bracket, Code, Ref, code, flat
from pipeline.pytorch.identifiers import word
from pipeline.pytorch.steps import Array, Held, Layer, Step, Steps, tied

# What a layer holds, by the names that PyTorch gives them: weights of the graph, as they are or in another form, or
# arrays of the writer's own making.
Arrays = Mapping[str, Value | Array | tuple[Value, Array] | None]

# What a network has learnt, by the last word of a weight's name; other arrays are constants of it.
_LEARNT = re.compile(r"_(weight\w*|bias\w*|slope|scale|[wb]\d*)(_\d+)?\Z")


class ModuleBuilder(NetBuilder):
    """Builds the steps of a graph, node by node. Values bear the graph's names until the source is written."""

    title = "PyTorch"

    def __init__(self, graph: Graph) -> None:
        self._steps: list[Step] = []
        self._layers: list[Layer] = []
        self._held: dict[str, Held] = {}
        self._graph = graph
        self._same: dict[str, Code] = {}
        self._numbers: dict[tuple[Any, ...], int] = {}  # of layers, by what they are and which weights they hold
        self._producers = graph.producers()
        self._taken = Names((*graph.weights, *(value.name for value in (*graph.inputs, *graph.values()))))

    # ---- What a writer takes ----

    def read(self, value: Value) -> Code:
        """Return the code of a value: a variable, a number, or an array that the module holds."""
        array = self.array(value)
        if array is None:
            return self._same.get(value.name, Ref(value.name))
        if array.ndim == 0 and not _LEARNT.search(value.name):
            return code(array.item())
        return self._hold(value.name, array)

    def tensor(self, value: Value) -> Code:
        """Return the code of a value as a tensor, which a number is not."""
        array = self.array(value)
        return self.read(value) if array is None else self._hold(value.name, array)

    def array(self, value: Value) -> Array | None:
        """Return the numbers of a weight, None where the value is computed."""
        return self._graph.weights.get(value.name)

    def maker(self, value: Value) -> Node | None:
        """Return the node that makes a value; None where it is given."""
        return self._producers.get(value.name)

    def constant(self, array: Array, part: str) -> Code:
        """Return an array of the writer's own making that the module holds, called `<output>_<part>`."""
        return self._hold(self._taken.claim(f"{self.current.output.name}_{part}"), array)

    def _hold(self, name: str, array: Array) -> Code:
        self._held[name] = Held(array, array.dtype.kind == "f" and bool(_LEARNT.search(name)))
        return Ref(name)

    # ---- What a writer makes ----

    def give(self, *made: Code) -> None:
        """Say of which expression the node's outputs are; of several, each has one of its own."""
        outputs = self.current.outputs
        for value, expression in zip(outputs, made, strict=True):
            self._steps.append(Step((value.name,), expression, self._place("")))

    def give_all(self, made: Code) -> None:
        """Say which expression gives all the node's outputs, as a tuple."""
        self._steps.append(Step(tuple(value.name for value in self.current.outputs), made, self._place("")))

    def alias(self, x: Value) -> None:
        """Say that the node gives its input as it is."""
        self._same[self.current.output.name] = self.tensor(x)

    def step(self, made: Code, part: str) -> Ref:
        """Add a line on the way to the node's output, whose value is called `<output>_<part>`."""
        name = self._taken.claim(f"{self.current.output.name}_{part}")
        self._steps.append(Step((name,), made, self._place(part)))
        return Ref(name)

    def layer(self, made: Bracket, x: Code, arrays: Arrays = MappingProxyType({}), part: str = "") -> Ref:
        """Add a submodule, and the line that applies it; without a `part`, that makes the node's output."""
        current = self.current
        name = self._taken.claim(f"{current.output.name}_{part}") if part else current.output.name
        held, shared = self._arrays(arrays)
        number = len(self._layers)
        if shared:  # the same layer with the same weights is the one that was applied before
            number = self._numbers.setdefault((flat(made, {}), *sorted(shared.items())), number)
        if number == len(self._layers):
            self._layers.append(Layer(made, held, shared))
        self._steps.append(Step((name,), x, self._place(part), number))
        return Ref(name)

    def _arrays(self, given: Arrays) -> tuple[dict[str, Array], dict[str, str]]:
        held, shared = dict[str, Array](), dict[str, str]()
        for name, found in given.items():
            if isinstance(found, np.ndarray):
                held[name] = found
            elif found is not None:
                value, held[name] = found if isinstance(found, tuple) else (found, self.numbers(found))
                shared[name] = tied(value.name, held[name])
        return held, shared

    def numbers(self, value: Value) -> Array:
        """Return the numbers of a weight; refuses one that the network computes."""
        array = self.array(value)
        if array is None:
            self.refuse("its weights are computed by the network, and a layer of PyTorch holds its own")
        return array

    # ---- What the network makes at its end ----

    def close(self, outputs: Sequence[Value]) -> Steps:
        """Return what was built, with the code of the network's outputs."""
        found = tuple(self.tensor(value) for value in outputs)
        return Steps(self._steps, self._layers, self._held, found)

    def _place(self, part: str) -> tuple[str, ...]:
        """Return the words of the path at which the node's module stood; the last says which part of it this is."""
        node = self.current
        path, kind = node.origin.path, node.origin.kind.rpartition(".")[2]
        of_module = f"{path}_{kind}" if path else kind
        inner = node.name.removeprefix(of_module) if node.name.startswith(f"{of_module}_") else ""
        words = tuple(map(word, (path or kind or node.name).split(".")))
        return (*words[:-1], word("_".join(filter(None, (words[-1], inner, part)))))


WRITES: Writers[ModuleBuilder] = Writers("operator written to PyTorch")
writes = WRITES.writes
