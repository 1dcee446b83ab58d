"""The registry of writers, and the builder for them: the steps of a module, and its parameters."""

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

# The arrays of a layer, by their names in PyTorch: weights of the graph, perhaps in another form, or arrays that the
# writer makes.
Arrays = Mapping[str, Value | Array | tuple[Value, Array] | None]

# The last words of the names of weights that are learnt. Other arrays are constants.
_LEARNT = re.compile(r"_(weight\w*|bias\w*|slope|scale|[wb]\d*)(_\d+)?\Z")


class ModuleBuilder(NetBuilder):
    """Builds the steps of a graph, node by node. Values have the names of the graph until the source is written."""

    title = "PyTorch"

    def __init__(self, graph: Graph) -> None:
        self._steps: list[Step] = []
        self._layers: list[Layer] = []
        self._held: dict[str, Held] = {}
        self._graph = graph
        self._same: dict[str, Code] = {}
        self._numbers: dict[tuple[Any, ...], int] = {}  # of layers, by their code and weights
        self._producers = graph.producers()
        self._taken = Names((*graph.weights, *(value.name for value in (*graph.inputs, *graph.values()))))

    # ---- What a writer takes ----

    def read(self, value: Value) -> Code:
        """Return the code of a value: a variable, a number, or an array of the module."""
        array = self.array(value)
        if array is None:
            return self._same.get(value.name, Ref(value.name))
        if array.ndim == 0 and not _LEARNT.search(value.name):
            return code(array.item())
        return self._hold(value.name, array)

    def tensor(self, value: Value) -> Code:
        """Return the code of a value as a tensor, even if it is a number."""
        array = self.array(value)
        return self.read(value) if array is None else self._hold(value.name, array)

    def array(self, value: Value) -> Array | None:
        """Return the numbers of a weight; None if the value is computed."""
        return self._graph.weights.get(value.name)

    def maker(self, value: Value) -> Node | None:
        """Return the node that makes a value; None for an input or a weight."""
        return self._producers.get(value.name)

    def constant(self, array: Array, part: str) -> Code:
        """Return the code of a new array of the module, called `<output>_<part>`."""
        return self._hold(self._taken.claim(f"{self.current.output.name}_{part}"), array)

    def _hold(self, name: str, array: Array) -> Code:
        self._held[name] = Held(array, array.dtype.kind == "f" and bool(_LEARNT.search(name)))
        return Ref(name)

    # ---- What a writer makes ----

    def give(self, *made: Code) -> None:
        """End the node with an expression for each of its outputs."""
        outputs = self.current.outputs
        for value, expression in zip(outputs, made, strict=True):
            self._steps.append(Step((value.name,), expression, self._place("")))

    def give_all(self, made: Code) -> None:
        """End the node with one expression for all its outputs, which is a tuple."""
        self._steps.append(Step(tuple(value.name for value in self.current.outputs), made, self._place("")))

    def alias(self, x: Value) -> None:
        """End the node with its input as its output."""
        self._same[self.current.output.name] = self.tensor(x)

    def step(self, made: Code, part: str) -> Ref:
        """Add an intermediate line, and return its value, which is called `<output>_<part>`."""
        name = self._taken.claim(f"{self.current.output.name}_{part}")
        self._steps.append(Step((name,), made, self._place(part)))
        return Ref(name)

    def layer(self, made: Bracket, x: Code, arrays: Arrays = MappingProxyType({}), part: str = "") -> Ref:
        """Add a submodule and a line that applies it to x. Without a `part`, the result is the node's output."""
        current = self.current
        name = self._taken.claim(f"{current.output.name}_{part}") if part else current.output.name
        held, shared = self._arrays(arrays)
        number = len(self._layers)
        if shared:  # the same layer with the same weights is applied again
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
        """Return the numbers of a weight. Raises UnsupportedError if it is computed."""
        array = self.array(value)
        if array is None:
            self.refuse("its weights are computed by the network, and a layer of PyTorch holds its own")
        return array

    # ---- The end of the network ----

    def close(self, outputs: Sequence[Value]) -> Steps:
        """Return all steps, with the code of the network's outputs."""
        found = tuple(self.tensor(value) for value in outputs)
        return Steps(self._steps, self._layers, self._held, found)

    def _place(self, part: str) -> tuple[str, ...]:
        """Return the words of the path of the node's original module; the last one names this part of it."""
        node = self.current
        path, kind = node.origin.path, node.origin.kind.rpartition(".")[2]
        of_module = f"{path}_{kind}" if path else kind
        inner = node.name.removeprefix(of_module) if node.name.startswith(f"{of_module}_") else ""
        words = tuple(map(word, (path or kind or node.name).split(".")))
        return (*words[:-1], word("_".join(filter(None, (words[-1], inner, part)))))


WRITES: Writers[ModuleBuilder] = Writers("operator written to PyTorch")
writes = WRITES.writes
