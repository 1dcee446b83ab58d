"""What a format is stands in its package: no other module names its files, its first bytes or its kind in a switch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline
from pipeline.formats import FORMATS, GRAPH

ROOT = Path(pipeline.__file__).parent
# A format's own code, and the programs, which run in interpreters that do not have this package.
PACKAGES = {type(known).__module__.split(".")[1] for known in FORMATS if known is not GRAPH}
OWN = (*(f"{name}/" for name in PACKAGES), "graph/neutral.py", "graph/serialization.py", "runtimes/programs/")
MODULES = [path for path in sorted(ROOT.rglob("*.py")) if not path.relative_to(ROOT).as_posix().startswith(OWN)]
KINDS = {known.name for known in FORMATS} | {role.name for known in FORMATS for role in known.roles}
FILES = {name for known in FORMATS for role in known.roles for name in role.files}
MAGIC = (b"\x89HDF\r\n\x1a\n",)


def constants(tree: ast.AST) -> Iterator[ast.Constant]:
    """Return the constants of a module that are no documentation."""
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and isinstance(node.body[0], ast.Expr)
    }
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in told)


def switches(tree: ast.AST) -> Iterator[object]:
    """Return what a module compares something with, or matches it against."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield from (each.value for part in (node.left, *node.comparators) for each in constants(part))
        elif isinstance(node, ast.MatchValue):
            yield from (each.value for each in constants(node.value))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_outside_a_formats_package_knows_it(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    values = [each.value for each in constants(tree)]
    assert [value for value in values if isinstance(value, str) and any(name in value for name in FILES)] == []
    assert [value for value in values if isinstance(value, bytes) and value.startswith(MAGIC)] == []
    assert [value for value in switches(tree) if isinstance(value, str) and value in KINDS] == []


def test_the_test_sees_a_switch_and_a_file() -> None:
    tree = ast.parse('"""deploy.prototxt"""\nif kind in ("caffe", "x") or name == "deploy.prototxt":\n    pass\n')
    assert [each.value for each in constants(tree)] == ["deploy.prototxt", "caffe", "x"]
    assert list(switches(tree)) == ["caffe", "x", "deploy.prototxt"]
