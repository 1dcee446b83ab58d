"""Finds the network in a .t7 file: the root object, or a module somewhere in the tables of a checkpoint."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from pipeline.errors import Problem, UnsupportedError, UsageError
from pipeline.graph.format import Note, no_note
from pipeline.torch7.modules import MODULES
from pipeline.torch7.objects import LuaValue, Table, Tensor, TorchObject, describe
from pipeline.torch7.paths import entries, format_path, parse_path
from pipeline.torch7.tree import table_of
from pipeline.wire.words import check_name

# Packages whose classes are all modules, except criterions.
_MODULE_PACKAGES = frozenset(
    ("autograd", "ccn2", "clnn", "cudnn", "dpnn", "fbcunn", "fbnn", "inn", "nn", "nnlr", "nnx", "rnn", "stn")
)
_OTHER_PACKAGES = frozenset(("graph", "nngraph", "optim", "tds", "threads", "torch"))

# The usual names of the network that is used after training, in order of preference if a file holds several. The
# discriminator of a GAN, for example, is saved beside it.
_PREFERRED = ("model", "net", "network", "generator", "netg", "modelg", "g")
_LISTED = 20


def is_module(value: LuaValue) -> bool:
    """Return whether a value is a module: of a known class or package, or with fields that every nn.Module has.

    Criterions (losses) are not modules here.
    """
    if not isinstance(value, TorchObject):
        return False
    package, _, name = value.class_name.partition(".")
    if package in _OTHER_PACKAGES or name.startswith("DataParallelTable.") or is_criterion(value):
        return False
    if (package in _MODULE_PACKAGES and name) or value.class_name in MODULES:
        return True
    kind = value.get("_type")
    return (
        isinstance(value.get("modules"), Table)
        or ("output" in value and "gradInput" in value)
        or (isinstance(kind, str) and kind.startswith("torch."))
    )


def find_networks(root: LuaValue) -> list[tuple[str, TorchObject]]:
    """Return the outermost modules in a value with their paths, each module once, the shortest paths first.

    Modules are searched for in tables and in objects that are not modules, but not inside other modules.
    """
    return _nearest_first((format_path(steps), module) for steps, module in _topmost([((), root)]))


def networks_within(module: TorchObject, path: str = "") -> list[tuple[str, TorchObject]]:
    """Return the outermost modules in the fields of a module, except `modules`. Their paths start with its `path`."""
    fields = [(((), key), inner) for key, inner in _searchable(module) if key != "modules"]
    return _nearest_first((_joined(path, format_path(steps)), inner) for steps, inner in _topmost(fields))


def _nearest_first(found: Iterable[tuple[str, TorchObject]]) -> list[tuple[str, TorchObject]]:
    return sorted(found, key=lambda one: (_depth(one[0]), one[0]))


def _depth(path: str) -> int:
    return path.count(".") + path.count("[") + bool(path and path[0] != "[")


def _topmost(roots: Iterable[tuple[Any, LuaValue]]) -> Iterator[tuple[list[Any], TorchObject]]:
    # Paths are linked pairs: with a tuple for every level, memory would grow with the square of the depth.
    waiting: deque[tuple[Any, LuaValue]] = deque(roots)
    seen = {id(value) for _, value in waiting}
    while waiting:
        path, value = waiting.popleft()
        if isinstance(value, TorchObject) and is_module(value):
            steps = _unlinked(path)
            for step in steps:
                check_name(step, "the key of a network")
            yield steps, value
            continue
        for key, inner in _searchable(value):
            if id(inner) not in seen:
                seen.add(id(inner))
                waiting.append(((path, key), inner))


def _searchable(value: LuaValue) -> Iterator[tuple[Any, LuaValue]]:
    if isinstance(value, TorchObject) and (is_criterion(value) or _package(value) in _OTHER_PACKAGES - {"tds"}):
        return
    for key, inner in (entries(value) or {}).items():
        if isinstance(inner, Table | TorchObject) and isinstance(key, str | int | float):
            yield key, inner


def _unlinked(path: Any) -> list[Any]:  # noqa: ANN401 - () or (path, key)
    steps = []
    while path:
        path, step = path
        steps.append(step)
    return steps[::-1]


def select_network(root: LuaValue, key: str | None = None, note: Note = no_note) -> tuple[str, TorchObject]:
    """Return the network to convert and its path: the one at `key` (such as `model.net` or `[1]`), or the only one.

    Of several networks the one with a usual name (`model`, `net`, `generator` ...) is taken, and the others are noted.
    Raises UsageError if the choice is ambiguous or `key` leads nowhere, UnsupportedError if there is no network.
    """
    steps = parse_path(key) if key else ()
    start = _descend(root, steps)
    found = [(_joined(format_path(steps), path), module) for path, module in find_networks(start)]
    if not found:
        _refuse(start, format_path(steps))
    if len(found) == 1:
        return found[0]
    chosen = _usual(found)
    others = _listed([f"{path} ({module.class_name})" for path, module in found if module is not chosen[1]])
    note(f"of {len(found)} networks {chosen[0]} is taken, by its name; --root takes another: {others}")
    return chosen


def _joined(path: str, inner: str) -> str:
    return path + ("." if path and inner and inner[0] != "[" else "") + inner


def _usual(found: list[tuple[str, TorchObject]]) -> tuple[str, TorchObject]:
    names = [_last_name(path) for path, _ in found]
    for name in _PREFERRED:
        if names.count(name) == 1:
            return found[names.index(name)]
        if name in names:
            break
    raise UsageError(
        f"the file holds {len(found)} networks",
        why=_listed([f"{path} ({module.class_name})" for path, module in found]),
        advice=f"choose one, for example --root {_quoted(found[0][0])}; several --root make a conversion each",
    )


def _last_name(path: str) -> str:
    return next((str(step).lower() for step in reversed(parse_path(path)) if isinstance(step, str)), "")


def _quoted(path: str) -> str:
    return path if path.replace(".", "").replace("_", "").isalnum() else f"'{path}'"


def _listed(names: list[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _descend(root: LuaValue, steps: tuple[str | int, ...]) -> LuaValue:
    value = root
    for position, step in enumerate(steps):
        try:
            value = _entered(value, step)
        except KeyError:
            _refuse_step(root, value, steps, position)
    return value


def _entered(value: LuaValue, step: str | int) -> LuaValue:
    """Return the value one step further. In a module, `3` and `branch[3]` lead to `modules[3]`, as in messages."""
    inside = entries(value)
    if inside is None:
        raise KeyError(step)
    number = int(step) if isinstance(step, str) and re.fullmatch("[0-9]{1,19}", step) else step
    modules = table_of(value) if isinstance(value, TorchObject) else inside.get("modules")
    for place in (inside, modules):
        if isinstance(place, Table):
            for key in (step, number, str(step)):
                if key in place:
                    return place[key]  # type: ignore[no-any-return] # a table holds Lua values
    if step == "branch" and isinstance(modules, Table):
        return modules
    raise KeyError(step)


def _refuse_step(root: LuaValue, value: LuaValue, steps: tuple[str | int, ...], position: int) -> NoReturn:
    inside = entries(value)
    place = format_path(steps[:position]) or "the root"
    has = f"{place} is {describe(value)}"
    if inside is not None:
        has += f" with the keys {_listed([format_path([key]) for key in inside])}" if inside else " and empty"
    networks = [path for path, _ in find_networks(root)]
    if networks == [""]:
        advice = "leave --root away: the network is the root"
    else:
        advice = f"networks are at: {_listed(networks)}" if networks else "there is no network in the file"
    raise UsageError(
        f"--root {format_path(steps)}: there is no {format_path(steps[: position + 1])}", why=has, advice=advice
    )


def _refuse(value: LuaValue, path: str) -> NoReturn:
    raise UnsupportedError(
        (Problem(path or "the file", f"is {_content(value)}"),),
        what="there is no network in the file" if not path else f"there is no network at {path}",
        advice="give a .t7 file that holds the whole network, saved by Torch7's torch.save",
    )


def _content(value: LuaValue) -> str:
    """Return a description of a value that holds no network."""
    if isinstance(value, Tensor):
        return f"{describe(value)} of size {'x'.join(map(str, value.size)) or 0}"
    if isinstance(value, TorchObject):
        return f"{describe(value)}, a loss" if is_criterion(value) else describe(value)
    if not isinstance(value, Table):
        return describe(value)
    kinds = {describe(inner) for inner in value.values()}
    if len(kinds) == 1 and len(value) > 1:
        return f"a table of {len(value)} entries, each {kinds.pop()}"
    keys = [format_path([key]) for key in value]
    return f"a table with the keys {_listed(keys)}" if keys else "an empty table"


def _package(value: TorchObject) -> str:
    return value.class_name.partition(".")[0]


def is_criterion(value: TorchObject) -> bool:
    """Return whether an object is a loss. nngraph's ModuleFromCriterion is not: it is a module that runs one."""
    return value.class_name.endswith("Criterion") and value.class_name != "nn.ModuleFromCriterion"
