"""Lists everything in a .t7 file, not only the network: options, vocabularies, optimiser state, other networks."""

from __future__ import annotations

from typing import Any

from pipeline.graph.inventory import Held
from pipeline.torch7.network import is_module
from pipeline.torch7.objects import LuaValue, Storage, Table, Tensor, TorchObject, describe
from pipeline.torch7.paths import entries, format_path

DEEPEST = 4  # levels of nested tables that are listed
SHOWN = 16  # entries of a table that are listed, unless it has only a few more
_QUOTED = 60  # characters of a string that are shown


def contents(root: LuaValue) -> tuple[Held, ...]:
    """Return the entries of tables and of objects that are not modules, outermost first, with their sizes in bytes.

    Of a table with many entries, only the first are listed, and how many more there are. A value that occurs several
    times is listed, and its numbers are counted, only at its first place. A module is a single entry, since the
    inventory of the network lists what is in it.
    """
    return tuple(_listed(root, (), set(), set()))


def _listed(value: LuaValue, path: tuple[Any, ...], listed: set[int], counted: set[int]) -> list[Held]:
    inner = None if is_module(value) or len(path) >= DEEPEST or id(value) in listed else entries(value)
    where = format_path(path) or "(root)"
    if not inner:
        return [Held(where, describe(value), _shown(value), size_in_bytes(value, counted), len(path))]
    listed.add(id(value))
    items = list(inner.items())
    shown = items if len(items) <= SHOWN + 4 else items[:SHOWN]
    below = [_listed(each, (*path, key), listed, counted) for key, each in shown]
    if len(items) > len(shown):
        rest = sum(size_in_bytes(each, counted) for _, each in items[len(shown) :])
        below.append([Held(f"{format_path(path)}[...]", f"{len(items) - len(shown):,} more", "", rest, len(path) + 1)])
    total = sum(rows[0].size for rows in below)
    return [Held(where, describe(value), _shown(value), total, len(path)), *(held for rows in below for held in rows)]


def _shown(value: LuaValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        text = f"{value:g}" if isinstance(value, float) else str(value)
        return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}..."
    if isinstance(value, Tensor):
        return "x".join(map(str, value.size)) or "empty"
    if isinstance(value, Storage):
        return f"{len(value.data):,} numbers"
    if isinstance(value, Table):
        return f"{len(value):,} {'entry' if len(value) == 1 else 'entries'}"
    return ""


def size_in_bytes(value: LuaValue, counted: set[int]) -> int:
    """Return the size in bytes of all storages in a value that are not in `counted` yet, and add them to it."""
    total, pending = 0, [value]
    while pending:
        current = pending.pop()
        storage = current.storage if isinstance(current, Tensor) else current if isinstance(current, Storage) else None
        if storage is not None and id(storage) not in counted:
            counted.add(id(storage))
            total += storage.data.nbytes
        elif isinstance(current, Table | TorchObject) and id(current) not in counted:
            counted.add(id(current))
            pending += (entries(current) or Table()).values()
    return total
