"""The modules inside a module: those in `modules`, checked, and the whole tree, however deep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.graph.registry import Registry
from pipeline.torch7.objects import LuaValue, Table, TorchObject, describe

MAX_DEPTH = 2_000  # levels of nested modules; the memory for all paths grows with the square
Held: TypeAlias = Literal["chain", "branches", "items", "replicas"]
# The classes that cannot run without their `modules`, and how these run: one after the other ("chain"), all on the same
# input ("branches"), each on its own item of the input ("items"), or only the first, of which the others are copies
# ("replicas"). `@module(inside=...)` registers them.
CONTAINERS: Registry[Held] = Registry("container class")


def children(module: TorchObject, path: str = "") -> list[TorchObject]:
    """Return the modules 1 to n in `modules`. As in nn, entries with keys that are not numbers are ignored.

    Raises InvalidInputError for a container without this table, a gap in it, or an item that is not an object. `path`
    is the path of the module, for the message.
    """
    table = table_of(module)
    if table is None and CONTAINERS.get(module.class_name) is None:
        return []
    if not isinstance(table, Table):
        raise _invalid(module, path, "modules", f"a table is needed, {describe(table)} is there")
    found = table.array()
    # If a number is missing, the length #modules may be any of the borders in Lua, so the meaning is undefined.
    beyond = [key for key in table if isinstance(key, int | float) and not isinstance(key, bool)]
    if len(beyond) != len(found):
        raise _invalid(module, path, f"modules[{len(found) + 1}]", "is missing, and there are modules behind it")
    for position, child in enumerate(found, 1):
        if not isinstance(child, TorchObject):
            raise _invalid(module, path, f"modules[{position}]", f"is {describe(child)} and no module")
    return found


def table_of(module: TorchObject) -> LuaValue:
    """Return the field `modules`; of a graph without it, a table of the modules of its nodes, in running order.

    Old versions of nngraph did not list the modules in `modules`, too (gmodule.lua, read).
    """
    listed: LuaValue = module.get("modules")
    nodes = in_nodes(module) if listed is None else None
    return listed if nodes is None else Table(dict(enumerate(nodes, 1)))


def in_nodes(module: TorchObject) -> list[LuaValue] | None:
    """Return the modules that the nodes of a graph run, in running order, with repetitions; None if it is no graph."""
    nodes = module.get("forwardnodes")
    if not isinstance(nodes, Table):
        return None
    data = [node.get("data") for node in nodes.array() if isinstance(node, TorchObject)]
    found = [each.get("module") for each in data if isinstance(each, Table)]
    return [one for one in found if one is not None]


def walk(module: TorchObject) -> Iterator[tuple[str, TorchObject]]:
    """Yield a module and all modules in it with their paths, such as `3.branch[1]`, parents first, in order.

    A module that occurs at several places is yielded at each, but its children only once. Raises as `children`, and
    InvalidInputError for a module that contains itself, UnsupportedError for more than MAX_DEPTH levels.
    """
    inside: set[int] = set()  # the modules on the path from the root
    seen: set[int] = set()
    pending: list[tuple[str, TorchObject, bool]] = [("", module, False)]
    while pending:
        path, current, left = pending.pop()
        if left:
            inside.discard(id(current))
            continue
        if id(current) in inside:
            raise _invalid(current, path, "", "the module contains itself")
        if len(inside) > MAX_DEPTH:
            raise UnsupportedError.one("the network", f"modules stand more than {MAX_DEPTH:,} deep inside each other")
        yield path, current
        if id(current) in seen:
            continue
        seen.add(id(current))
        inside.add(id(current))
        pending.append((path, current, True))
        steps = enumerate(children(current, path), 1)
        pending.extend([(_step(current, path, n), child, False) for n, child in steps][::-1])


def validate(module: TorchObject) -> None:
    """Check the tree of modules. Raises as `walk`."""
    for _ in walk(module):
        pass


def _step(parent: TorchObject, path: str, position: int) -> str:
    step = f"branch[{position}]" if CONTAINERS.get(parent.class_name) in ("branches", "items") else str(position)
    return f"{path}.{step}" if path else step


def _invalid(module: TorchObject, path: str, field: str, why: str) -> InvalidInputError:
    place = f"{path or 'the network'} ({module.class_name}), byte {module.offset}"
    return InvalidInputError(
        f"{module.class_name} is damaged", where=place, why=f"{field} {why}".strip(), advice=_ADVICE
    )


_ADVICE = "save the model again, in Torch7"
