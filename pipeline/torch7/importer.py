"""Imports a Torch7 file as a neutral graph: find the network, list what is unsupported, lower module by module."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pipeline.errors import Problem, UnsupportedError, UsageError
from pipeline.graph.builder import Builder
from pipeline.graph.format import Note, unheard
from pipeline.graph.input_spec import InputSpec, TensorSpec
from pipeline.graph.operators import Identity
from pipeline.graph.values import Graph, Node, Value
from pipeline.plugins import load_plugins
from pipeline.torch7 import modules
from pipeline.torch7.lowering import Lowering, leaves
from pipeline.torch7.module import Module, TorchValue, definition_of, modules_in
from pipeline.torch7.network import select_network
from pipeline.torch7.objects import Tensor
from pipeline.torch7.reader import load
from pipeline.torch7.shapes import known, remembered
from pipeline.torch7.tree import children
from pipeline.torch7.unknown import unknown, with_networks

__all__ = ["lower", "modules", "read", "unsupported"]

MAX_DEPTH = 12_000  # modules inside each other
NEEDED = "the shape of the input is needed"
_FRAMES = 8  # Python calls for each of them, at most


def read(
    path: Path,
    inputs: Sequence[InputSpec] | None = None,
    root: str | None = None,
    plugins: Sequence[Path] = (),
) -> Graph:
    """Import the network in a .t7 file.

    `inputs` are the shapes of what the network takes: one is a tensor or table, several are a Lua table of them;
    None takes what the file remembers. `root` names the network inside a table.
    Raises InvalidInputError for a damaged file, UnsupportedError with everything that cannot be imported,
    UsageError where a shape does not fit.
    """
    return lower(find_network(path, root, plugins), inputs, path.stem)


def find_network(path: Path, root: str | None = None, plugins: Sequence[Path] = (), note: Note = unheard) -> Module:
    """Find the network in a .t7 file, and note which others there are; errors as `read`."""
    load_plugins(plugins)
    where, network = select_network(load(path), root, note)
    return Module(network, where)


def element_type(root: Module) -> str:
    """Report what a network's tensors are, float32 or float64, by its first module that has no others inside.

    Containers do not tell: `_type` is not changed in all of them when a part is converted.
    """
    leaves = (m.object for m in modules_in(root) if not children(m.object))
    first = next(leaves, root.object)
    return "float64" if first.get("_type") in ("torch.DoubleTensor", "torch.CudaDoubleTensor") else "float32"


def unsupported(root: Module) -> tuple[Problem, ...]:
    """List every module in the tree whose class is not known here, or never has a counterpart."""
    problems = []
    for m in modules_in(root):
        definition = definition_of(m)
        refusal = unknown(m) if definition is None else definition.refusal
        if refusal is not None:
            reason, advice = refusal
            problems.append(Problem(str(m.origin), reason, advice if definition is None else with_networks(advice, m)))
    return tuple(problems)


def lower(root: Module, inputs: Sequence[InputSpec] | None, name: str = "") -> Graph:
    """Lower a network; errors as `read`."""
    problems = unsupported(root)
    if problems:
        raise UnsupportedError(problems)
    if inputs:
        return lower_for(root, inputs, name)
    found = remembered(root)
    if found is None:
        raise UsageError(NEEDED, why=known(root), advice="give it: --input 1x3x224x224")
    try:
        return lower_for(root, found, name)
    except UsageError as error:
        tried = ", ".join(map(str, found))
        why = f"the file remembers {tried}, which does not fit: {error.what}"
        raise UsageError(NEEDED, why=why, advice="give it: --input 1x3x224x224") from error


def lower_for(root: Module, inputs: Sequence[InputSpec], name: str) -> Graph:
    """Lower a network, all of whose classes are known, for inputs of these shapes; errors as `read`."""
    net = Lowering(Builder(name))
    net.builder.budget.grow("weights", held(root))
    with deep_recursion(depth(root)):
        x = declare(net.builder, inputs)
        y = net.run(root, x)
    if net.problems:
        raise UnsupportedError(tuple(net.problems))
    with net.builder.at(root.name, root.origin):
        outputs = [net.add("Identity", net.current(value)) for value in leaves(y)]
    if not outputs:
        raise UsageError("the network gives an empty table")
    return without_copies(net.builder.finish(outputs))


def declare(builder: Builder, inputs: Sequence[InputSpec]) -> TorchValue:
    """Declare the network's inputs: `input`, or `input_1`, `input_2` ... in the order of the nested tables."""
    count = sum(_count(spec) for spec in inputs)
    numbers = iter(range(1, count + 1))

    def value(spec: InputSpec) -> TorchValue:
        if isinstance(spec, TensorSpec):
            number = next(numbers)
            return builder.input(spec.name or ("input" if count == 1 else f"input_{number}"), spec.shape)
        return tuple([value(item) for item in spec.items])

    values = tuple([value(spec) for spec in inputs])
    return values[0] if len(values) == 1 else values


def _count(spec: InputSpec) -> int:
    return 1 if isinstance(spec, TensorSpec) else sum(_count(item) for item in spec.items)


def without_copies(graph: Graph) -> Graph:
    """Leave out the Identity nodes: in a graph, where no value changes, a copy is the value itself.

    An output that is an input or a weight of the network keeps its node.
    """
    given = {value.name for value in graph.inputs} | graph.weights.keys()
    outputs = {value.name for value in graph.outputs}
    same: dict[str, Value] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        taken = node.taking(same)
        source = taken.inputs[0] if isinstance(node.operator, Identity) else None
        if source is not None and not (source.name in given and node.output.name in outputs):
            same[node.output.name] = source
        else:
            nodes.append(taken)
    final = tuple(same.get(value.name, value) for value in graph.outputs)
    return replace(graph, nodes=tuple(nodes), outputs=final)


def held(root: Module) -> int:
    """Return the bytes of the storages of a network's tensors, those that modules share once."""
    found = {}
    for module in modules_in(root):
        for value in module.object.fields.values():
            if isinstance(value, Tensor) and value.storage is not None:
                found[id(value.storage)] = value.storage.data.nbytes
    return sum(found.values())


def depth(root: Module) -> int:
    """Count how deep modules stand inside each other."""
    return max(m.path.count(".") + 1 for m in modules_in(root))


@contextmanager
def deep_recursion(levels: int) -> Iterator[None]:
    """Allow Python as many nested calls as the network is deep; raises UnsupportedError beyond MAX_DEPTH."""
    if levels > MAX_DEPTH:
        raise UnsupportedError.one("the network", f"modules stand {levels} deep inside each other")
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 1000 + _FRAMES * levels))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
