"""What only the user has: Python files that register module classes of Torch7 and layers of Caffe.

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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import pipeline
from pipeline.errors import UsageError

GROUP = "torch2caffe2.modules"  # the entry points by which an installed package registers its modules
_loaded: dict[str, frozenset[str]] = {}  # a plugin, and the modules that were imported while it was loaded
_loading = threading.RLock()


def load_plugins(paths: Sequence[Path]) -> None:
    """Run each plugin file, and load the entry points of installed packages, once in a process.

    Raises UsageError where a file is missing or fails, or registers a class that is known already.
    """
    with _loading:
        for entry in entry_points(group=GROUP):
            _once(_named(entry), f"the entry point {entry.name}", entry.load)
        for path in paths:
            _once(str(path.resolve()), f"the plugin {path}", partial(_run, path))


def sources(paths: Sequence[Path]) -> dict[str, Path]:
    """Load the plugin files, and return the user's modules that they import, by name, at any depth.

    The user's are those that belong neither to Python nor to an installed package. Raises UsageError as `load_plugins`.
    """
    load_plugins(paths)
    found: dict[str, Path] = {}
    loaded = [*(_named(entry) for entry in entry_points(group=GROUP)), *(str(path.resolve()) for path in paths)]
    waiting = [name for plugin in loaded for name in sorted(_loaded[plugin])]
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
    return {entry.dist.name: entry.dist.version for entry in entry_points(group=GROUP) if entry.dist}


@contextmanager
def no_late_imports(paths: Sequence[Path]) -> Iterator[None]:
    """Let plugins work, and raise UsageError where they import a module of the user's that `sources` did not find.

    Its name stands in no import statement, so that the key of what they make cannot have counted it.
    """
    known, before = sources(paths), frozenset(sys.modules)
    yield
    new = frozenset(sys.modules) - before
    late = sorted(name for name in new - set(known) if (file := _file(name)) and _is_users(file))
    if late:
        for path in paths:
            _loaded[str(path.resolve())] |= new  # for the next network of this process, which finds it imported
        raise UsageError(
            f"a plugin imports {', '.join(late)} only while it converts a module, by a name that is not in its text",
            why="a network that was made with another version of that could not be told from this one",
            advice="import it at the top of the plugin, or by an import statement",
        )


def _named(entry: EntryPoint) -> str:
    return f"{entry.name} = {entry.value}"


def _once(name: str, what: str, load: Callable[[], object]) -> None:
    if name in _loaded:
        return
    before = frozenset(sys.modules)
    try:
        load()
    except UsageError:
        raise
    except Exception as error:
        raise _failed(what, error) from error
    _loaded[name] = frozenset(sys.modules) - before


def _run(path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"there is no plugin {path}")
    spec = importlib.util.spec_from_file_location(f"torch2caffe2_plugin_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file", advice="a plugin's name ends in .py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def _failed(what: str, error: Exception) -> UsageError:
    return UsageError(f"{what} fails", why=f"{type(error).__name__}: {error}", advice="see `pipeline.plugins`")


def _imported(file: Path, package: str) -> Iterator[str]:
    """Yield the names that import statements in a Python file mention, be they modules or things in one."""
    if file.suffix != ".py":
        return
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # one that a plugin tries to import, and can do without
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
    """Return the file of a module, loaded or not, or the archive that it lies in; None where there is none."""
    place = _place(name)
    return next((path for path in (place, *place.parents) if path.exists()), None) if place else None


def _place(name: str) -> Path | None:
    module: ModuleType | None = sys.modules.get(name)
    if module is not None:
        file = getattr(module, "__file__", None)
        return Path(file) if file else None
    with suppress(Exception):  # whatever a package raises that a plugin tries to import, and can do without
        spec = importlib.util.find_spec(name)
        return Path(spec.origin) if spec and spec.has_location and spec.origin else None
    return None


def _is_users(file: Path) -> bool:
    return file.is_file() and not any(file.resolve().is_relative_to(folder) for folder in _installed())


@cache
def _installed() -> tuple[Path, ...]:
    """Return the folders of Python's own modules, of installed packages, and of this program."""
    schemes = (sysconfig.get_paths(), sysconfig.get_paths(sysconfig.get_preferred_scheme("user")))
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    found = {Path(paths[name]).resolve() for paths in schemes for name in names}
    return (*sorted(found), Path(pipeline.__file__).resolve().parent)
