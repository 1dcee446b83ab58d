"""A user's own module classes: Python files that register functions with `pipeline.torch7.module`.

from pipeline.torch7 import module

@module("my.Scale")
def scale(m, x, net):
    return net.add("Mul", x, net.weight(m.weight("factor")))
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from pipeline.errors import UsageError

GROUP = "torch2caffe2.modules"  # the entry points by which an installed package registers its modules
_loaded: set[str] = set()


def load_plugins(paths: Sequence[Path]) -> None:
    """Run each plugin file, and load the entry points of installed packages, once in a process.

    Raises UsageError where a file is missing or fails, or registers a class that is known already.
    """
    for entry in entry_points(group=GROUP):
        if _first(f"{entry.name} = {entry.value}"):
            try:
                entry.load()
            except Exception as error:
                raise _failed(f"the entry point {entry.name}", error) from error
    for path in paths:
        if _first(str(path.resolve())):
            _run(path)


def _first(name: str) -> bool:
    if name in _loaded:
        return False
    _loaded.add(name)
    return True


def _run(path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"there is no plugin {path}")
    spec = importlib.util.spec_from_file_location(f"torch2caffe2_plugin_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file", advice="a plugin's name ends in .py")
    try:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except Exception as error:
        _loaded.discard(str(path.resolve()))
        raise _failed(f"the plugin {path}", error) from error


def _failed(what: str, error: Exception) -> UsageError:
    return UsageError(f"{what} fails", why=f"{type(error).__name__}: {error}", advice="see `pipeline.torch7.plugins`")
