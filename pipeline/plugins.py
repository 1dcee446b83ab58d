"""Loads plugins: Python files of the user that register module classes of Torch7 and layers of Caffe.

What they register is known only inside `loaded`, and takes precedence over built-in classes of the same name.

@module("my.Scale")  # the decorator of the package pipeline.torch7
def scale(m, x, net):
    return net.add("Mul", x, net.weight(m.weight("factor")))

@layer("Python", module="my.layers", layer="Scale")  # that of the package pipeline.caffe
def scale_layer(layer, net):
    net.give(layer, net.add("Mul", layer.bottom, net.constant(float(layer.parameters()["factor"]))))
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from types import ModuleType

import pipeline
from pipeline.errors import PipelineError, UsageError
from pipeline.graph.format import Note, no_note
from pipeline.graph.registry import Layer, collected, laid_over

GROUP = "torch2caffe2.modules"  # the entry points by which an installed package registers its modules


@dataclass(frozen=True, slots=True)
class Plugin:
    """A loaded plugin: its title, the modules that were imported with it, and what it registered."""

    title: str
    imported: frozenset[str]
    layer: Layer


_loaded: dict[str, Plugin] = {}  # each plugin runs once in a process
_loading = threading.RLock()


@contextmanager
def loaded(paths: Sequence[Path], note: Note = no_note) -> Iterator[None]:
    """Make known inside the block what plugin files, and the entry points of installed packages, register.

    `note` is called for everything that replaces something built in. Raises UsageError if a file is missing, registers
    a class twice, or fails, either while it is loaded or when something it registered is called inside the block.
    """
    with ExitStack() as stack:
        for plugin in _load(paths):
            for registry, entries in plugin.layer.items():
                for name in filter(registry.__contains__, entries):
                    note(f"{plugin.title} takes the place of the {registry.kind} {name} that is built in")
            stack.enter_context(laid_over(plugin.layer))
        try:
            yield
        except (Exception, SystemExit) as error:
            fault = error.__cause__ if isinstance(error, PipelineError) else error  # perhaps a fault of the plugin
            if fault is None or isinstance(fault, PipelineError) or (path := _culprit(fault, paths)) is None:
                raise
            raise _failed(f"the plugin {path}", fault) from error


def _load(paths: Sequence[Path]) -> list[Plugin]:
    with _loading:
        installed = [_once(_named(entry), f"the entry point {entry.name}", entry.load) for entry in _entries(*sys.path)]
        return [*installed, *(_once(str(path.resolve()), f"the plugin {path}", partial(_run, path)) for path in paths)]


def sources(paths: Sequence[Path]) -> dict[str, Path]:
    """Load the plugin files, and return the modules of the user that they import, at any depth, by name.

    The user's modules are those that belong neither to Python nor to an installed package. Raises UsageError as
    `loaded`.
    """
    _load(paths)
    found: dict[str, Path] = {}
    loaded = [*(_named(entry) for entry in _entries(*sys.path)), *(str(path.resolve()) for path in paths)]
    waiting = [name for plugin in loaded for name in sorted(_loaded[plugin].imported)]
    waiting += [name for path in paths for name in _imported(path, "")]
    while waiting:
        name = waiting.pop()
        file = None if name in found else _file(name)
        if file is not None and _is_users(file):
            found[name] = file
            package = name if file.name == "__init__.py" else name.rpartition(".")[0]
            waiting += _imported(file, package)
    return dict(sorted(found.items()))


def packages() -> dict[str, str]:
    """Return the versions of the installed packages that register modules, by name."""
    return {entry.dist.name: entry.dist.version for entry in _entries(*sys.path) if entry.dist}


@contextmanager
def no_late_imports(paths: Sequence[Path]) -> Iterator[None]:
    """Raise UsageError if plugins import a module of the user inside the block that `sources` did not find.

    Such a module is named in no import statement, so it is not part of the cache key.
    """
    known, before = sources(paths), frozenset(sys.modules)
    yield
    new = frozenset(sys.modules) - before
    late = sorted(name for name in new - set(known) if (file := _file(name)) and _is_users(file))
    if late:
        for path in paths:
            known_as = _loaded[str(path.resolve())]  # for the next network of this process, which finds it imported
            _loaded[str(path.resolve())] = replace(known_as, imported=known_as.imported | new)
        raise UsageError(
            f"a plugin imports {', '.join(late)} only while it converts a module, by a name that is not in its text",
            why="a network that was made with another version of that could not be told from this one",
            advice="import it at the top of the plugin, or by an import statement",
        )


@cache
def _entries(*path: str) -> EntryPoints:
    """Return the entry points of the packages on an import path. Searching all packages takes 10 ms."""
    return entry_points(group=GROUP)


def _named(entry: EntryPoint) -> str:
    return f"{entry.name} = {entry.value}"


def _once(name: str, title: str, load: Callable[[], object]) -> Plugin:
    if name not in _loaded:
        before = frozenset(sys.modules)
        with collected() as layer:
            try:
                load()
            except UsageError:
                raise
            except (Exception, SystemExit) as error:
                raise _failed(title, error) from error
        _loaded[name] = Plugin(title, frozenset(sys.modules) - before, layer)
    return _loaded[name]


def _run(path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"there is no plugin {path}")
    spec = importlib.util.spec_from_file_location(f"torch2caffe2_plugin_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file", advice="a plugin's name ends in .py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def _culprit(error: BaseException, paths: Sequence[Path]) -> Path | None:
    """Return the plugin file whose code raised an error, directly or in what it called; None if none did."""
    files = {Path(frame.f_code.co_filename).resolve() for frame, _ in traceback.walk_tb(error.__traceback__)}
    return next((path for path in paths if path.resolve() in files), None)


def _failed(what: str, error: BaseException) -> UsageError:
    return UsageError(f"{what} fails", why=f"{type(error).__name__}: {error}", advice="see `pipeline.plugins`")


def _imported(file: Path, package: str) -> Iterator[str]:
    """Yield the names in the import statements of a Python file, whether they are modules or members of one."""
    if file.suffix != ".py":
        return
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # an optional import of the plugin
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (above for alias in node.names for above in _with_packages(alias.name))
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *filter(None, [node.module])])
            yield from _with_packages(base)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _with_packages(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _file(name: str) -> Path | None:
    """Return the file of a module, loaded or not, or the archive that contains it; None if there is none."""
    place = _place(name)
    return next((path for path in (place, *place.parents) if path.exists()), None) if place else None


def _place(name: str) -> Path | None:
    module: ModuleType | None = sys.modules.get(name)
    if module is not None:
        file = getattr(module, "__file__", None)
        return Path(file) if file else None
    with suppress(Exception):  # whatever an optional import of the plugin raises
        spec = importlib.util.find_spec(name)
        return Path(spec.origin) if spec and spec.has_location and spec.origin else None
    return None


def _is_users(file: Path) -> bool:
    return file.is_file() and not any(file.resolve().is_relative_to(folder) for folder in _installed())


@cache
def _installed() -> tuple[Path, ...]:
    """Return the folders of Python's own modules, of installed packages, and of this program."""
    with _loading:  # sysconfig is not thread-safe: it returns its variables before they are complete
        schemes = (sysconfig.get_paths(), sysconfig.get_paths(sysconfig.get_preferred_scheme("user")))
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    found = {Path(paths[name]).resolve() for paths in schemes for name in names}
    return (*sorted(found), Path(pipeline.__file__).resolve().parent)
