"""Writes the source of a module, and collects the arrays that it loads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from string import Template

from pipeline.graph.names import Names
from pipeline.graph.values import Graph, Value
from pipeline.pytorch import forward
from pipeline.pytorch.code import Code, Text, call, code, flat, refs
from pipeline.pytorch.functions import FUNCTIONS
from pipeline.pytorch.identifiers import identifier
from pipeline.pytorch.members import Members, sizes
from pipeline.pytorch.steps import Array, Step, Steps
from pipeline.pytorch.structure import Applied, Chain, grouped, whole

_SOURCE = Template('''\
"""$title, as a PyTorch module; written by torch2caffe2.

    import torch
    from model import load

    network = load()
    outputs = network($example)

Submodules are called as they were in the original network. `network.train()` makes
it learn further; what it has learnt is in model.safetensors.
"""

$imports


${functions}class Network($base):
    """Computes what the original does.

$signature
    """

$body


WEIGHTS = Path(__file__).with_name("model.safetensors")


def load(weights=WEIGHTS):
    """Return the network with what it has learnt, in evaluation mode."""
    network = Network()
    load_model(network, weights)
    return network.eval()
''')


@dataclass(frozen=True)
class PyTorchModule:
    """The source of a module, its arrays by their names in PyTorch, and the names of its inputs and outputs.

    `values` are the names of the values of the graph that each submodule makes, by its path, in the order of its runs.
    """

    text: str
    arrays: Mapping[str, Array]
    values: Mapping[str, Sequence[str]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class _Class:
    """The class: its base class, the arguments of `forward`, and the lines of its methods."""

    base: str
    arguments: Sequence[str]
    body: Sequence[str]


def source(graph: Graph, made_of: Steps) -> PyTorchModule:
    """Return the steps of a graph as a module: an nn.Sequential if it is one, else an nn.Module."""
    steps = _used(made_of.steps, made_of.outputs)
    inputs = tuple(value.name for value in graph.inputs)
    members = Members(made_of.layers)
    chain = whole(steps, inputs, made_of.outputs)
    if chain:
        made = _Class("nn.Sequential", [forward.RUNNING], members.of_chain(chain))
    else:
        made = _module(replace(made_of, steps=steps), members, inputs)
    values: dict[str, list[str]] = {}
    for step in steps:
        if step.layer >= 0:
            values.setdefault(members.paths[step.layer], []).extend(step.outputs)
    return PyTorchModule(_text(graph, made), members.arrays, values, inputs, tuple(v.name for v in graph.outputs))


def _used(steps: Sequence[Step], outputs: Sequence[Code]) -> list[Step]:
    """Return the steps whose values are used."""
    wanted = {name for found in outputs for name in refs(found)}
    kept = []
    for step in reversed(steps):
        if wanted.intersection(step.outputs):
            kept.append(step)
            wanted.update(refs(step.code))
    return kept[::-1]


def _module(made_of: Steps, members: Members, inputs: Sequence[str]) -> _Class:
    outputs = made_of.outputs
    body = grouped(made_of.steps, outputs)
    taken, modules = Names(), dict[Chain | int, str]()
    for line in body:
        if isinstance(line, Applied) and line.module not in modules:
            modules[line.module] = taken.claim(identifier(line.name, "layer"))
            members.add(modules[line.module], line.module)
    names = forward.variables(inputs, body, outputs)
    used = {name for found in (*(line.code for line in body), *outputs) for name in refs(found)}
    for value, held in made_of.held.items():
        if value in used:
            name = taken.claim(identifier(value, "values"))
            members.add_array(name, value, held)
            names[value] = f"self.{name}"
    arguments = [names[value] for value in inputs]
    init = members.init()
    method = forward.method(arguments, body, outputs, modules, names)
    return _Class("nn.Module", arguments, [*init, *([""] if init else []), *method])


def _text(graph: Graph, made: _Class) -> str:
    title = re.sub(r"[^\w ./-]", "", graph.name, flags=re.ASCII)[:40].strip() or "A network"
    fed = ", ".join(_example(value) for value in graph.inputs)
    body = "\n".join(made.body)
    functions = "".join(f"{text}\n\n" for name, text in FUNCTIONS.items() if f"{name}(" in body)
    return _SOURCE.substitute(
        title=title,
        example=fed,
        imports="\n".join(_imports(functions + body)),
        functions=functions,
        base=made.base,
        signature="\n".join(_signature(graph, made.arguments)),
        body=body,
    )


def _imports(body: str) -> Iterator[str]:
    if "OrderedDict(" in body:
        yield "from collections import OrderedDict"
    yield "from pathlib import Path"
    yield ""
    if re.search(r"\btorch\.", body):
        yield "import torch"
    if re.search(r"\bF\.", body):
        yield "import torch.nn.functional as F"
    yield "from safetensors.torch import load_model"
    yield "from torch import nn"


def _signature(graph: Graph, arguments: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a docstring with the shapes of inputs and outputs for which the network was converted."""
    for argument, value in zip(arguments, graph.inputs, strict=True):
        yield f"    {argument}: {_type(value)}"
    for value in graph.outputs:
        yield f"    returns {_type(value)}"


def _type(value: Value) -> str:
    return f"{value.dtype} of shape {flat(code(value.shape), {})}"


def _example(value: Value) -> str:
    kind = {} if value.dtype == "float32" else {"dtype": Text(f"torch.{value.dtype}")}
    return flat(call("torch.zeros", *sizes(value.shape), **kind), {})
