"""The source of a module, and the arrays that it loads, by the names that it gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.graph.names import Names
from pipeline.graph.values import Graph
from pipeline.pytorch.code import (
    WIDTH,
    Bracket,
    Code,
    Literal,
    Text,
    call,
    code,
    flat,
    identifier,
    lines,
    refs,
    sequence,
)
from pipeline.pytorch.structure import Applied, Chain, Line, grouped, whole
from pipeline.pytorch.write.builder import Held, Layer, ModuleBuilder, Step

Array = np.ndarray[Any, Any]
RUNNING = "x"  # the variable of a value that the next line alone takes


@dataclass(frozen=True)
class PyTorchModule:
    """The source of a module, its arrays, and what its inputs and outputs are called."""

    text: str
    arrays: Mapping[str, Array]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass
class _Class:
    """What the source of the class is made of, as it is found."""

    layers: Sequence[Layer]
    arrays: dict[str, Array] = field(default_factory=dict)
    ties: list[str] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)  # by weight: the parameter that holds it
    paths: dict[int, str] = field(default_factory=dict)  # by layer: what it is called

    def module(self, found: Chain | int, path: str) -> Bracket:
        """Return the code that makes a submodule called `path`, and note the arrays that it holds."""
        if isinstance(found, Chain):
            return call("nn.Sequential", self.parts(found, path))
        layer = self.layers[found]
        self.paths[found] = path
        for name, array in layer.arrays.items():
            owner = self.owners.setdefault(layer.tied[name], f"{path}.{name}") if name in layer.tied else ""
            if owner in ("", f"{path}.{name}"):
                self.arrays[f"{path}.{name}"] = array
            else:
                at, _, of = owner.rpartition(".")
                self.ties.append(f'self.get_submodule("{path}").{name} = self.get_submodule("{at}").{of}')
        return layer.made

    def parts(self, found: Chain, path: str = "") -> Bracket:
        """Return the parts of a chain by name."""
        inner = [(name, self.module(part, f"{path}.{name}" if path else name)) for name, part in found.parts]
        pairs = tuple(("", sequence((name, made))) for name, made in inner)
        return call("OrderedDict", Bracket((), pairs, "[]"))


def source(graph: Graph, net: ModuleBuilder) -> PyTorchModule:
    """Write what a builder holds of a graph as a module."""
    outputs = net.outputs(graph.outputs)
    steps = _used(net.steps, outputs)
    given = [value.name for value in graph.inputs]
    made = _Class(net.layers)
    chain = None if net.held else whole(steps, given, outputs)
    if chain:
        arguments = [RUNNING]
        base = "nn.Sequential"
        body = _init(lines(call("super().__init__", made.parts(chain)), {}, 2), made.ties)
    else:
        base = "nn.Module"
        arguments, body = _module(graph, net, made, steps, outputs)
    text = _text(graph, arguments, base, body)
    return PyTorchModule(text, made.arrays, tuple(given), tuple(value.name for value in graph.outputs))


def _used(steps: Sequence[Step], outputs: Sequence[Code]) -> list[Step]:
    """Leave out the steps whose values nobody takes."""
    wanted = {name for found in outputs for name in refs(found)}
    kept = []
    for step in reversed(steps):
        if wanted.intersection(step.outputs):
            kept.append(step)
            wanted.update(refs(step.code))
    return kept[::-1]


def _module(
    graph: Graph, net: ModuleBuilder, made: _Class, steps: Sequence[Step], outputs: Sequence[Code]
) -> tuple[list[str], list[str]]:
    """Return the arguments of `forward`, and the lines of the class."""
    forward = grouped(steps, outputs)
    taken, names = Names(), dict[str, str]()
    init: list[str] = []
    calls: dict[int, str] = {}
    for line in forward:
        if isinstance(line, Applied) and not (isinstance(line.module, int) and line.module in calls):
            name = taken.claim(identifier(line.name, "layer"))
            init += lines(made.module(line.module, name), {}, 2, f"self.{name} = ")
            calls[line.module if isinstance(line.module, int) else id(line.module)] = name
    used = {name for line in forward for name in refs(_code(line))} | {n for found in outputs for n in refs(found)}
    for value, held in net.held.items():
        if value in used:
            name = taken.claim(identifier(value, "values"))
            names[value] = f"self.{name}"
            made.arrays[name] = held.array
            init += _holding(name, held)
    arguments = _variables(graph, forward, outputs, names)
    shown = [_shown(line, calls, names) for line in forward]
    body = _init(["        super().__init__()", *init], made.ties) if init else []
    body += [""] if body else []
    head = call("forward", *map(Text, ("self", *arguments)))
    body += [*lines(head, {}, 1, "def ", ":"), *_forward(shown, outputs, names)]
    return arguments, body


def _code(line: Line) -> Code:
    return line.x if isinstance(line, Applied) else line.code


def _outputs(line: Line) -> tuple[str, ...]:
    return (line.output,) if isinstance(line, Applied) else line.outputs


def _holding(name: str, held: Held) -> list[str]:
    """Return the lines that make an array of the module's own."""
    kind = {} if held.array.dtype.kind == "f" else {"dtype": Text("torch.int64")}
    zeros = call("torch.zeros", *_sizes(held.array.shape), **kind)
    if held.learnt:
        return lines(call("nn.Parameter", zeros), {}, 2, f"self.{name} = ")
    return lines(call("self.register_buffer", name, zeros), {}, 2)


def _variables(graph: Graph, forward: Sequence[Line], outputs: Sequence[Code], names: dict[str, str]) -> list[str]:
    """Name the variable of each value: one that the next line alone takes is the running one.

    Returns the arguments of `forward`.
    """
    takers: dict[str, set[int]] = {}
    for i, line in enumerate(forward):
        for name in refs(_code(line)):
            takers.setdefault(name, set()).add(i)
    for found in outputs:
        for name in refs(found):
            takers.setdefault(name, set()).add(len(forward))
    taken = Names({RUNNING})

    def named(value: str, name: str) -> str:
        return taken.claim(identifier(name, "y").lower()) if value in takers else "_"

    inputs = [value.name for value in graph.inputs]
    runs = len(inputs) == 1 and takers.get(inputs[0], {0}) == {0}
    names |= {name: RUNNING if runs else taken.claim(identifier(name, "y").lower()) for name in inputs}
    for i, line in enumerate(forward, 1):
        made = _outputs(line)
        runs = len(made) == 1 and takers[made[0]] == {i}
        names |= {value: RUNNING if runs else named(value, line.name) for value in made}
    return [names[name] for name in inputs]


def _shown(line: Line, calls: Mapping[int, str], names: Mapping[str, str]) -> tuple[str, Code]:
    """Return the variables of a line, and its expression."""
    left = ", ".join(names[value] for value in _outputs(line))
    if isinstance(line, Step):
        return left, line.code
    key = line.module if isinstance(line.module, int) else id(line.module)
    return left, Bracket((Text(f"self.{calls[key]}"),), (("", line.x),))


def _forward(shown: Sequence[tuple[str, Code]], outputs: Sequence[Code], names: Mapping[str, str]) -> list[str]:
    """Return the body of `forward`; the last line returns what it would else name."""
    if len(outputs) == 1 and shown and shown[-1][0] == flat(outputs[0], names):
        *shown, (_, last) = shown
        end = lines(last, names, 2, "return ")
    else:
        end = [f"        return {', '.join(flat(found, names) for found in outputs)}"]
        end = end if len(end[0]) <= WIDTH else lines(sequence(outputs), names, 2, "return ")
    return [row for left, made in shown for row in lines(made, names, 2, f"{left} = ")] + end


def _init(body: Sequence[str], ties: Sequence[str]) -> list[str]:
    shared = ["        # The same parameters, not copies of them:"] if ties else []
    return ["    def __init__(self):", *body, *shared, *(f"        {tie}" for tie in ties)]


def _text(graph: Graph, arguments: Sequence[str], base: str, body: Sequence[str]) -> str:
    rows = [f"class Network({base}):", '    """See above."""', "", *body, "", "", *_LOAD]
    used = "\n".join(rows)
    imports = ["from collections import OrderedDict"] if "OrderedDict(" in used else []
    imports += (
        ["from pathlib import Path", "", "import torch"]
        if re.search(r"\btorch\.", used)
        else ["from pathlib import Path", ""]
    )
    imports += ["import torch.nn.functional as F"] if re.search(r"\bF\.", used) else []
    imports += ["from safetensors.torch import load_model", "from torch import nn"]
    return "\n".join([*_docstring(graph, arguments), "", *imports, "", "", *rows]) + "\n"


_LOAD = (
    'WEIGHTS = Path(__file__).with_name("model.safetensors")',
    "",
    "",
    "def load(weights=WEIGHTS):",
    '    """Return the network with what it has learnt, in evaluation mode."""',
    "    network = Network()",
    "    load_model(network, weights)",
    "    return network.eval()",
)


def _docstring(graph: Graph, arguments: Sequence[str]) -> Iterator[str]:
    name = re.sub(r"[^\w ./-]", "", graph.name, flags=re.ASCII)[:60].strip() or "A network"
    fed = ", ".join(_example(value.shape, value.dtype) for value in graph.inputs)
    yield f'"""{name}, written as a PyTorch module by torch2caffe2.'
    yield ""
    yield "    import torch"
    yield "    from model import load"
    yield ""
    yield "    network = load()"
    yield f"    outputs = network({fed})"
    yield ""
    for argument, value in zip(arguments, graph.inputs, strict=True):
        yield f"Input {argument}: {value.dtype} {flat(code(value.shape), {})}"
    for value in graph.outputs:
        yield f"Output: {value.dtype} {flat(code(value.shape), {})}"
    yield ""
    yield "Submodules are called as they were in the original network. `network.train()` makes"
    yield "it learn further: batch normalisations then use the statistics of each batch."
    yield '"""'


def _sizes(shape: Sequence[int]) -> Sequence[Literal]:
    return list(shape) or [()]


def _example(shape: Sequence[int], dtype: str) -> str:
    kind = {} if dtype == "float32" else {"dtype": Text(f"torch.{dtype}")}
    return flat(call("torch.zeros", *_sizes(shape), **kind), {})
