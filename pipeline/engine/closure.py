"""Finds the files of this package that a stage may run, by reading import statements, without importing anything.

Imports inside functions count, and so do modules named in a string ("pipeline.caffe.read"). If a file lists the modules
of a package (with pkgutil), its own package and the packages it imports count as a whole. The result may be larger than
what really runs, but never smaller: tests compare it with what Python imports.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import pipeline
from pipeline.wire.digest import digest

_ROOT = Path(pipeline.__file__).parent
_NAME = _ROOT.name

_IMPORT = re.compile(
    rf"^[ \t]*(?:from[ \t]+({_NAME}(?:\.\w+)*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)"
    rf"|import[ \t]+({_NAME}[^\n#]*))",
    re.MULTILINE,
)
_QUOTED = re.compile(rf"""["']({_NAME}(?:\.\w+)+)["']""")
_LISTS = ("iter_modules", "walk_packages")


@cache
def code_digests(module: str) -> Mapping[str, str]:
    """Return the digest of each file in the import closure of `module`, by path inside the package.

    The `__init__.py` of the package itself is left out: it holds the version number, which affects no result.
    """
    seen = {module}
    digests: dict[str, str] = {}
    waiting = [module]
    while waiting:
        path = _file(waiting.pop())
        if path is None or path == _ROOT / "__init__.py":
            continue
        name, digest, needed = _scan(path)
        digests[name] = digest
        waiting.extend(needed - seen)
        seen |= needed
    return MappingProxyType(dict(sorted(digests.items())))


@cache
def _scan(path: Path) -> tuple[str, str, frozenset[str]]:
    """Return a file's name in the package, its digest, and the modules that it may import."""
    data = path.read_bytes()
    text = data.decode("utf-8", "replace")
    quoted = set(_QUOTED.findall(text))
    named = set(_imports(text)) | quoted
    if any(word in text for word in _LISTS):
        own = ".".join((_NAME, *path.parent.relative_to(_ROOT).parts))
        named |= {inside for package in (*named, own) for inside in _inside(package)}
    else:
        named |= {inside for package in quoted for inside in _inside(package)}
    name = path.relative_to(_ROOT).as_posix()
    return name, digest((data,)), frozenset(named | {up for n in named for up in _above(n)})


def _imports(text: str) -> Iterator[str]:
    for source, names, modules in _IMPORT.findall(text):
        if source:
            yield source
            for name in re.findall(r"(\w+)(?:\s+as\s+\w+)?", re.sub(r"#[^\n]*", "", names)):
                yield f"{source}.{name}"  # a module, or something in one: `_file` decides
        else:
            yield from re.findall(rf"{_NAME}(?:\.\w+)*", modules)


def _above(module: str) -> Iterator[str]:
    """Yield the packages that contain a module, which Python imports with it."""
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def _inside(package: str) -> Iterator[str]:
    """Yield every module of a package, at any depth; nothing for a plain module and for the root package."""
    folder = _ROOT.joinpath(*package.split(".")[1:])
    if folder != _ROOT and (folder / "__init__.py").is_file():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(_ROOT).with_suffix("").parts
            yield ".".join((_NAME, *parts)).removesuffix(".__init__")


@cache
def _file(module: str) -> Path | None:
    """Return the file of a module or package; None if the name is something inside a module."""
    base = _ROOT.joinpath(*module.split(".")[1:])
    for path in (base.with_name(base.name + ".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None
