"""The inventory of a Torch7 file: the modules of its network, as a tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UnsupportedError, UsageError
from pipeline.graph.format import Network, attempt
from pipeline.graph.inventory import Inventory, Measure, Part, count, measured, peak_bytes

if TYPE_CHECKING:
    from pipeline.graph.values import Graph
    from pipeline.torch7.module import Module
    from pipeline.torch7.objects import LuaValue, TorchObject

# Fields that are not listed: those that are shown as parts, and those that only training or the last run left there.
_NOT_ATTRIBUTES = frozenset({"modules", "output", "gradInput", "gradWeight", "gradBias", "_type", "train"})
_PARAMETERS = ("weight", "bias", "running_mean", "running_var", "v", "g")


def inventory(path: Path, inputs: Sequence[str] = (), root: str = "") -> Inventory:
    """List the modules of the network in a Torch7 file, with output shapes and costs if its `inputs` are known.

    Everything else in the file is listed, too. A network that cannot be imported is listed nevertheless, with a note.
    Raises as `pipeline.torch7.reader.load`, and as `select_network` for a `root`. If no network is found and there is
    no `root`, then only what else is in the file is listed.
    """
    from pipeline.torch7.contents import contents
    from pipeline.torch7.module import Module
    from pipeline.torch7.modules import modules_in
    from pipeline.torch7.network import select_network
    from pipeline.torch7.reader import load

    checkpoint = load(path)
    try:
        where, network = select_network(checkpoint, root or None)
    except (UsageError, UnsupportedError) as error:
        if root:
            raise
        held, why = contents(checkpoint), (error.what, error.why, error.advice)
        return Inventory(f"Torch7 file {path.name}", "t7", "modules", (), notes=tuple(filter(None, why)), contents=held)
    graph, notes = _graph(Module(network, where), checkpoint, inputs, path.stem)
    measures = measured(graph, lambda node: node.origin.path) if graph else {}
    modules = list(modules_in(Module(network)))
    edges = _edges(modules)
    parts = tuple(_part(m, where, measures, edges.get(m.path, ((), ()))) for m in modules)
    return Inventory(
        f"Torch7 network in {path.name}" + (f", at {where}" if where else ""),
        "t7",
        "modules",
        parts,
        {value.name: value.shape for value in graph.inputs} if graph else {},
        tuple(value.name for value in graph.outputs) if graph else (),
        notes,
        peak_bytes(graph) if graph else None,
        nested=True,
        contents=contents(checkpoint) if where else (),
    )


def _graph(
    root: Module, checkpoint: LuaValue, inputs: Sequence[str], name: str
) -> tuple[Graph | None, tuple[str, ...]]:
    from pipeline.graph import signature
    from pipeline.graph.input_spec import parse_inputs
    from pipeline.torch7 import importer

    given, notes = parse_inputs(inputs), list[str]()

    def lower() -> Network:
        graph = importer.lower(root, given, name, checkpoint, note=notes.append, likeliest=True).graph
        return Network(graph, signature.of_graph(graph))

    graph, troubles = attempt(lower, given=given is not None)
    return graph, (*notes, *troubles)


Ends = tuple[tuple[str, ...], tuple[str, ...]]  # the inputs and the outputs of a module


def _edges(modules: Iterable[Module]) -> dict[str, Ends]:
    """Return the inputs of each module inside a graph (nngraph), and the outputs of each graph, by path."""
    from pipeline.torch7.modules.nngraph import edges

    found: dict[str, Ends] = {}
    for m in modules:
        if m.object.get("forwardnodes") is not None:
            taken, given = edges(m.object, {id(child.object): child.path for child in reversed(m.children())})
            found |= {path: (names, ()) for path, names in taken.items()}
            found[m.path] = (found.get(m.path, ((), ()))[0], given)
    return found


def _part(m: Module, where: str, measures: Mapping[str, Measure], ends: Ends) -> Part:
    from pipeline.torch7.module import join
    from pipeline.torch7.objects import Tensor

    module, place = m.object, m.path
    held = ((name, module.get(name)) for name in _PARAMETERS)
    weights = {name: tensor.numpy() for name, tensor in held if isinstance(tensor, Tensor) and not tensor.is_empty}
    return Part(
        place or "(root)",
        module.class_name,
        *ends,
        attributes=dict(_attributes(module)),
        weights=weights,
        parameters=count(weights.values()),
        path=tuple(place.split(".")) if place else (),
        measure=measures.get(join(where, place) if place else where),
    )


def _attributes(module: TorchObject) -> Iterator[tuple[str, Any]]:
    for name, value in module.fields.items():
        if isinstance(name, str) and name not in _NOT_ATTRIBUTES:
            yield name, _plain(value)


def _plain(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - any Lua value
    """Return a field as a JSON value: of tables the first entries, of tensors their type and size."""
    from pipeline.torch7.contents import SHOWN
    from pipeline.torch7.objects import Table, Tensor, describe

    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        return f"{value.type_name} {'x'.join(map(str, value.size)) or 'empty'}"
    if not isinstance(value, Table) or depth > 1:
        return describe(value)
    array = value.array()
    if len(array) == len(value):
        more = [f"... {len(array)} in all"] if len(array) > SHOWN else []
        return [*(_plain(item, depth + 1) for item in array[:SHOWN]), *more]
    named = [(str(key), item) for key, item in value.items()][:SHOWN]
    return {key: _plain(item, depth + 1) for key, item in named}
