"""The modules inside a module: what `modules` holds, checked, and the whole tree, whatever its depth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.graph.registry import Registry
from pipeline.torch7.objects import LuaValue, Table, TorchObject, describe

MAX_DEPTH = 2_000  # modules inside each other: the paths of all take memory with the square
Held: TypeAlias = Literal["chain", "branches", "items", "replicas"]
# Classes that cannot run without their `modules`, and whether these run one after the other, side by side on one input
# or on an item of it each, or are copies of one that runs; filled where the classes are (`@module(inside=...)`).
CONTAINERS: Registry[Held] = Registry("container class")


def children(module: TorchObject, path: str = "") -> list[TorchObject]:
    """Return the modules in `modules`, 1 to n; entries under other keys than numbers mean nothing, as in nn.

    Raises InvalidInputError for a container without that table, a hole in it, or something in it that is no
    object. `path` is the module's own, for the message.
    """
    table = table_of(module)
    if table is None and CONTAINERS.get(module.class_name) is None:
        return []
    if not isinstance(table, Table):
        raise _invalid(module, path, "modules", f"a table is needed, {describe(table)} is there")
    found = table.array()
    # Where a number is missing, Torch's #modules is any of the borders; no meaning can be relied upon.
    beyond = [key for key in table if isinstance(key, int | float) and not isinstance(key, bool)]
    if len(beyond) != len(found):
        raise _invalid(module, path, f"modules[{len(found) + 1}]", "is missing, and there are modules behind it")
    for position, child in enumerate(found, 1):
        if not isinstance(child, TorchObject):
            raise _invalid(module, path, f"modules[{position}]", f"is {describe(child)} and no module")
    return found


def table_of(module: TorchObject) -> LuaValue:
    """Return what `modules` holds; where a graph has none, the modules of its nodes, in running order.

    Old nngraph did not list them a second time (gmodule.lua, read).
    """
    listed: LuaValue = module.get("modules")
    nodes = in_nodes(module) if listed is None else None
    return listed if nodes is None else Table(dict(enumerate(nodes, 1)))


def in_nodes(module: TorchObject) -> list[LuaValue] | None:
    """Return what the nodes of a graph run, in running order, as often as they do; None for what is no graph."""
    nodes = module.get("forwardnodes")
    if not isinstance(nodes, Table):
        return None
    data = [node.get("data") for node in nodes.array() if isinstance(node, TorchObject)]
    found = [each.get("module") for each in data if isinstance(each, Table)]
    return [one for one in found if one is not None]


def walk(module: TorchObject) -> Iterator[tuple[str, TorchObject]]:
    """Return a module and all in it with their paths, as `3.branch[1]`, parents first, in the file's order.

    A module that stands at several places is given at each, its inside only at the first. Errors as
    `children`; a module that contains itself raises InvalidInputError, more than MAX_DEPTH levels UnsupportedError.
    """
    inside: set[int] = set()  # the modules on the way from the root
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
    """Check the tree of modules; errors as `walk`."""
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
