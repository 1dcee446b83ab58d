"""Imports a Torch7 file as a graph: finds the network, lists what is unsupported, and lowers it module by module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import Problem, UnsupportedError, UsageError
from pipeline.graph.builder import Builder
from pipeline.graph.copies import without
from pipeline.graph.format import Note, no_note
from pipeline.graph.input_spec import InputSpec, TableSpec, TensorSpec
from pipeline.graph.operators import Identity
from pipeline.graph.passes.cleanup import dead_nodes
from pipeline.graph.values import Graph, Value
from pipeline.plugins import loaded
from pipeline.torch7 import modules
from pipeline.torch7.counting import check_layers
from pipeline.torch7.lowering import POISON, Lowering, Misfit
from pipeline.torch7.mode import PLAIN, Mode
from pipeline.torch7.module import Module, TorchValue, definition_of, modules_in
from pipeline.torch7.network import select_network
from pipeline.torch7.objects import LuaValue, Tensor
from pipeline.torch7.reader import load
from pipeline.torch7.running import count_tensors, declare, deep_recursion, depth
from pipeline.torch7.solving.clues import clues
from pipeline.torch7.solving.forms import of_count, specs
from pipeline.torch7.solving.solution import options
from pipeline.torch7.solving.solver import solve
from pipeline.torch7.tables import leaves
from pipeline.torch7.tree import children
from pipeline.torch7.unknown import unknown, with_networks

__all__ = ["lower", "modules", "read", "unsupported"]


@dataclass(frozen=True, slots=True)
class Found:
    """A network, and the checkpoint in which it was found: everything in its file."""

    network: Module
    checkpoint: LuaValue


@dataclass(frozen=True, slots=True)
class Lowered:
    """The graph of a network, and the inputs that it was lowered for, nested as the network takes them."""

    graph: Graph
    inputs: tuple[InputSpec, ...]


def read(
    path: Path,
    inputs: Sequence[InputSpec] | None = None,
    root: str | None = None,
    plugins: Sequence[Path] = (),
    *,
    note: Note = no_note,
    likeliest: bool = False,
    mode: Mode = PLAIN,
) -> Graph:
    """Import the network in a .t7 file.

    `root` is the path of the network in a table; the rest is as for `lower`. Raises InvalidInputError for a damaged
    file, UnsupportedError with everything that cannot be imported, UsageError if a shape does not fit.
    """
    with loaded(plugins, note):
        found = find_network(path, root)
        made = lower(found.network, inputs, path.stem, found.checkpoint, note=note, likeliest=likeliest, mode=mode)
    return made.graph


def find_network(path: Path, root: str | None = None, note: Note = no_note) -> Found:
    """Find the network in a .t7 file, and note which others there are. Raises as `read`."""
    checkpoint = load(path)
    where, network = select_network(checkpoint, root, note)
    return Found(Module(network, where), checkpoint)


def element_type(root: Module) -> str:
    """Return the type of a network's tensors, float32 or float64, as its first module without modules inside has it.

    The `_type` of containers is not reliable, since it stays the same if only a part of the network is converted.
    """
    leaves = (m.object for m in modules_in(root) if not children(m.object))
    first = next(leaves, root.object)
    return "float64" if first.get("_type") in ("torch.DoubleTensor", "torch.CudaDoubleTensor") else "float32"


def unsupported(root: Module, mode: Mode = PLAIN) -> tuple[Problem, ...]:
    """Return a problem for every module that would run, but whose class is unknown or never has a counterpart."""
    problems = []
    for m in modules_in(root):
        if mode.drop_loss and m.is_loss:
            continue
        definition = definition_of(m)
        refusal = unknown(m) if definition is None else definition.refusal
        if refusal is not None:
            reason, advice = refusal
            problems.append(Problem(str(m.origin), reason, advice if definition is None else with_networks(advice, m)))
    return tuple(problems)


def lower(
    root: Module,
    inputs: Sequence[InputSpec] | None,
    name: str = "",
    checkpoint: LuaValue = None,
    *,
    note: Note = no_note,
    likeliest: bool = False,
    mode: Mode = PLAIN,
) -> Lowered:
    """Lower a network. Raises as `read`.

    `inputs` are the shapes of its inputs. A single one is a tensor or a table; several are the items of a Lua table,
    which need not be nested as in the network. Without `inputs` the shapes are inferred, with the help of what else is
    in the `checkpoint`. If several are possible, then the `likeliest` is taken, or else a UsageError lists them. `note`
    is called with what the user should know.
    """
    name = name.encode("utf-8", "backslashreplace").decode("utf-8")  # of a file of any bytes
    problems = unsupported(root, mode)
    if problems:
        raise UnsupportedError(problems)
    check_layers(root)
    if inputs:
        return _lower_given(root, tuple(inputs), name, checkpoint, note, mode)
    solution = solve(root, checkpoint, mode)
    if not solution.settled and not (likeliest and solution.fits):
        raise solution.error()
    note(solution.note)
    graph = lower_for(root, solution.inputs, name, note, mode)
    for clue in clues(graph, checkpoint) if note is not no_note else ():
        note(clue)
    return Lowered(graph, tuple(solution.inputs))


def _lower_given(
    root: Module, inputs: tuple[InputSpec, ...], name: str, checkpoint: LuaValue, note: Note, mode: Mode
) -> Lowered:
    """Lower a network for the shapes that the user gave. If they do not fit, the UsageError says which ones do."""
    try:
        return Lowered(lower_for(root, inputs, name, note, mode, given=True), inputs)
    except Misfit as error:
        solution = solve(root, checkpoint, mode)
        nested = _nested(inputs, specs(of_count(solution.form, len(inputs))))
        if nested is not None and nested != inputs:
            return Lowered(lower_for(root, nested, name, note, mode, given=True), nested)
        error.advice = solution.advice
        raise


def _nested(given: Sequence[InputSpec], found: Sequence[InputSpec]) -> tuple[InputSpec, ...] | None:
    """Return tensors nested as in the network; None if they are tables already, or not as many as the network takes."""
    if not all(isinstance(spec, TensorSpec) for spec in given) or len(given) != sum(map(count_tensors, found)):
        return None
    tensors = iter(given)

    def arranged(spec: InputSpec) -> InputSpec:
        return next(tensors) if isinstance(spec, TensorSpec) else TableSpec(tuple([arranged(i) for i in spec.items]))

    return tuple([arranged(spec) for spec in found])


def lower_for(
    root: Module,
    inputs: Sequence[InputSpec],
    name: str,
    note: Note = no_note,
    mode: Mode = PLAIN,
    *,
    given: bool = False,
) -> Graph:
    """Lower a network whose classes are all known for inputs of these shapes. Raises as `read`.

    `given` says whether the shapes are the user's, or inferred.
    """
    net = Lowering(Builder(name), mode)
    net.builder.budget.grow("weights", held(root))
    with deep_recursion(depth(root)):
        y = net.run(root, declare(net.builder, inputs))
    if given and note is not no_note and net.unbatched and not net.problems:
        _note_batch(root, inputs, note, mode)
    if mode.states and not net.states.last():
        note("no module of the network keeps a state of its own, and --states has no effect")
    for m, _ in net.losses:
        note(f"{m.origin} is a loss and is left out, with what is computed from it")
    return finished(net, root, y)


def _note_batch(root: Module, inputs: Sequence[InputSpec], note: Note, mode: Mode) -> None:
    """Note if the inputs are taken as a single sample, although the network takes batches as well."""
    batches = tuple([_batch_of_one(spec) for spec in inputs])
    try:
        lower_for(root, batches, "", mode=mode)
    except (UsageError, UnsupportedError):
        return
    given = ", ".join(map(str, inputs))
    note(f"{given} is taken as one sample without its batch dimension; with it: {options(batches)}")


def _batch_of_one(spec: InputSpec) -> InputSpec:
    if isinstance(spec, TensorSpec):
        return replace(spec, shape=(1, *spec.shape))
    return replace(spec, items=tuple([_batch_of_one(item) for item in spec.items]))


def finished(net: Lowering, root: Module, y: TorchValue) -> Graph:
    """Return the finished graph of a network whose output is `y`."""
    if net.problems:
        raise UnsupportedError(tuple(net.problems))
    with net.builder.at(root.name, root.origin):
        outputs = [net.add("Identity", net.current(value)) for value in [*_outputs(net, y), *leaves(net.states.last())]]
    if not outputs:
        raise UsageError("the network gives an empty table")
    graph = without(Identity, net.builder.finish(outputs))
    return graph if net.mode == PLAIN else _pruned(graph, net)


def _outputs(net: Lowering, y: TorchValue) -> list[Value]:
    """Return the outputs of the network. If all of them come from losses, the inputs of these losses are returned."""
    kept = [value for value in leaves(y) if value is not POISON]
    predictions = (leaves(x[0] if isinstance(x, tuple) and x else x) for _, x in net.losses)
    return kept or [value for prediction in predictions for value in prediction if value is not POISON]


def _pruned(graph: Graph, net: Lowering) -> Graph:
    """Return the graph without what no output needs, and without inputs that only losses take, such as labels."""
    pruned = dead_nodes(graph)
    taken = {value.name for node in pruned.nodes for value in node.inputs if value is not None}
    labels = set[str]().union(*(net.builder.sources(value) for _, x in net.losses for value in leaves(x)))
    return replace(pruned, inputs=tuple(v for v in pruned.inputs if v.name in taken or v.name not in labels))


def held(root: Module) -> int:
    """Return the size in bytes of the storages of a network. A storage that several modules share is counted once."""
    found = {}
    for module in modules_in(root):
        for value in module.object.fields.values():
            if isinstance(value, Tensor) and value.storage is not None:
                found[id(value.storage)] = value.storage.data.nbytes
    return sum(found.values())
