"""Graphs of modules (nngraph)."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, join, module
from pipeline.torch7.objects import LuaValue, Table, TorchObject

MOST_ITEMS = 1000  # items of a table that is the input of a graph
_MOST = 256  # inputs of a node that are named

# Nodes are identified by their `data`, because the graphs in a gModule have different node objects that share it.


def data_of(node: LuaValue, net: Lowering) -> Table:
    """Return the `data` of a node, by which it is identified."""
    data = _data(node)
    if data is None:
        return net.damaged("nodes with a table `data`", "others")
    return data


def _data(node: LuaValue) -> Table | None:
    data = node.get("data") if isinstance(node, TorchObject) else None
    return data if isinstance(data, Table) else None


def items(holder: LuaValue, name: str) -> list[LuaValue]:
    """Return the list part of a table in a field: `children` and `mapindex` also have reverse entries."""
    found = holder.get(name) if isinstance(holder, Table | TorchObject) else None
    return found.array() if isinstance(found, Table) else []


def edges(graph: TorchObject, modules: Mapping[int, str]) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Return the inputs of each module of a graph, in order, and the outputs of the graph, by the modules' names.

    `modules` has the names by identity. Inputs of the graph have the names of `input_name`; an item of a table has its
    number after the name: `3[2]`. If the graph is damaged, edges are missing.
    """
    inner, outer = graph.get("innode"), graph.get("outnode")
    known: dict[int, tuple[str, ...]] = {id(_data(inner)): ("input",)}
    taken: dict[str, tuple[str, ...]] = {}
    for data in filter(None, map(_data, (*items(graph, "forwardnodes"), outer))):
        arriving = tuple(name for source in items(data, "mapindex") for name in known.get(id(source), ()))[:_MOST]
        index, name = data.get("selectindex"), modules.get(id(data.get("module")))
        if arriving and isinstance(index, int):
            known[id(data)] = (f"input_{index}" if arriving[0] == "input" else f"{arriving[0]}[{index}]",)
        elif name:
            known[id(data)] = (name,)
            taken[name] = (*taken.get(name, ()), *arriving)
        elif id(data) not in known:
            known[id(data)] = arriving
    return taken, known.get(id(_data(outer)), ())


def inputs(m: Module) -> int:
    """Return the number of inputs of a graph. If there are several, its input is a table."""
    inner = m.object.get("innode")
    return m.maybe_int("nInputs") or (len(items(inner, "children")) if isinstance(inner, TorchObject) else 1)


@module("nn.gModule", inside="chain", items=inputs)
def graph_module(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the nodes in the order of `forwardnodes`, each on what the nodes before it gave (gmodule.lua)."""
    inner, outer = m.object.get("innode"), m.object.get("outnode")
    if not isinstance(inner, TorchObject) or not isinstance(outer, TorchObject):
        return net.damaged("an innode and an outnode", "none")
    single = inputs(m) <= 1
    if not single and not isinstance(x, tuple):
        net.misfit(f"a table of {inputs(m)} inputs", x)
    given: dict[int, dict[int, TorchValue]] = {}  # the inputs of each node, by its data and by position
    given[id(data_of(inner, net))] = dict(enumerate((x,) if single else tuple(x) if isinstance(x, tuple) else ()))
    places = {id(found.object): i for i, found in reversed(list(enumerate(m.children(), 1)))}
    for node in m.table("forwardnodes"):
        data = data_of(node, net)
        y = run_node(m, data, given.get(id(data), {}), places, net)
        for child in items(node, "children") if isinstance(node, TorchObject) else []:
            target = data_of(child, net)
            for position, source in enumerate(items(target, "mapindex")):
                if source is data:
                    given.setdefault(id(target), {})[position] = y
    outputs = arrived(given.get(id(data_of(outer, net)), {}), net)
    return outputs[0] if len(items(outer, "children")) == 1 and outputs else outputs


def arrived(given: dict[int, TorchValue], net: Lowering) -> tuple[TorchValue, ...]:
    """Return a node's inputs in order."""
    if sorted(given) != list(range(len(given))):
        net.damaged("every input of a node", f"only the inputs {sorted(given)}")
    return tuple([given[i] for i in range(len(given))])


def split_into(data: Table) -> int:
    """Return the number of items of the table of which a node takes one; 0 if it is unknown."""
    source = next(iter(items(data, "mapindex")), None)
    count = source.get("nSplitOutputs") if isinstance(source, Table) else None
    return count if isinstance(count, int) and 0 < count <= MOST_ITEMS else 0


def run_node(m: Module, data: Table, given: dict[int, TorchValue], places: dict[int, int], net: Lowering) -> TorchValue:
    """Run one node: take an item of its table, or apply its module (none: the identity)."""
    inputs = arrived(given, net)
    x = inputs[0] if len(inputs) == 1 else inputs
    index, found = data.get("selectindex"), data.get("module")
    if index is not None:
        if not isinstance(x, tuple) or not isinstance(index, int) or not 1 <= index <= len(x):
            net.misfit(f"a table with an item {index}", x, split_into(data))
        return x[index - 1]
    if found is None:
        return x
    if not isinstance(found, TorchObject):
        return net.damaged("a module in its node", "another object")
    place = places.get(id(found), 0)
    return net.run(Module(found, join(m.path, str(place) if place else "node")), x)
