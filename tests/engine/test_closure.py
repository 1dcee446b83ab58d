from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline
from pipeline.engine import closure
from pipeline.stages.discovery import discover

_LOAD_ALL = """
import sys
from importlib import import_module
from pipeline.engine.closure import code_digests
names = code_digests(sys.argv[1])
for own in [name for name in sys.modules if name.startswith("pipeline")]:
    del sys.modules[own]
for name in names:
    import_module("pipeline." + name.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
files = {m.__file__ for n, m in sys.modules.items() if n.startswith("pipeline.") and m.__file__}
print("\\n".join(sorted(files)))
"""


@pytest.mark.parametrize("stage", discover(), ids=lambda stage: stage.name)
def test_the_closure_holds_every_module_that_python_imports(stage: object) -> None:
    module = stage.module  # type: ignore[attr-defined]
    done = subprocess.run(
        [sys.executable, "-c", _LOAD_ALL, module], capture_output=True, text=True, check=True, timeout=120
    )
    root = Path(pipeline.__file__).parent
    loaded = {Path(line).relative_to(root).as_posix() for line in done.stdout.split()}
    assert loaded <= set(closure.code_digests(module)), "imported in a way that the scan does not see"


def test_a_stage_does_not_depend_on_formats_that_it_does_not_touch() -> None:
    packages = {
        name: {path.split("/")[0] for path in closure.code_digests(f"pipeline.stages.{name}")}
        for name in ("import_", "emit", "translate")
    }
    every = {"torch7", "caffe", "caffe2", "onnx", "pytorch"}
    assert packages["import_"] & every == {"torch7"}
    assert packages["emit"] & every == {"caffe"}
    assert packages["translate"] & every == {"caffe", "caffe2"}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = tmp_path / "pipeline"
    root.mkdir()
    (root / "__init__.py").write_text("__version__ = '1'\n")
    monkeypatch.setattr(closure, "_ROOT", root)
    _forget()
    yield root
    _forget()  # what was learned here would be wrong for the package itself


def _forget() -> None:
    closure.code_digests.cache_clear()
    closure._scan.cache_clear()
    closure._file.cache_clear()


def _write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in [path.parent, *path.parent.parents]:
        if folder == root:
            break
        (folder / "__init__.py").touch()
    path.write_text(text)


def _closure(module: str) -> set[str]:
    _forget()
    return set(closure.code_digests(module))


@pytest.mark.parametrize(
    "line",
    [
        "from pipeline.b.c import thing",
        "from pipeline.b import c",
        "from pipeline.b import (\n    c as d,  # why\n)",
        "import pipeline.b.c as d",
        "def f():\n    from pipeline.b.c import thing",
        "if TYPE_CHECKING:\n    import pipeline.b.c",
        "import_module('pipeline.b.c')",
    ],
)
def test_every_way_to_import_is_seen(package: Path, line: str) -> None:
    _write(package, "a.py", line + "\n")
    _write(package, "b/c.py", "")
    assert _closure("pipeline.a") == {"a.py", "b/__init__.py", "b/c.py"}


def test_what_is_not_imported_is_not_in_the_closure(package: Path) -> None:
    _write(package, "a.py", "# from pipeline.b.c import x\nimport os\n")
    _write(package, "b/c.py", "")
    assert _closure("pipeline.a") == {"a.py"}


def test_a_package_that_lists_itself_is_there_whole(package: Path) -> None:
    _write(package, "a.py", "from pipeline.b import load\n")
    _write(package, "b/deep/c.py", "")
    _write(package, "b/__init__.py", "import pkgutil\nfor m in pkgutil.iter_modules(__path__): pass\n")
    assert _closure("pipeline.a") == {"a.py", "b/__init__.py", "b/deep/__init__.py", "b/deep/c.py"}


def test_a_package_named_in_a_string_is_there_whole(package: Path) -> None:
    _write(package, "a.py", "FAMILIES = load_all('pipeline.b')\n")
    _write(package, "b/c.py", "")
    assert "b/c.py" in _closure("pipeline.a")


def test_the_digest_changes_with_the_code_and_not_with_the_version(package: Path) -> None:
    _write(package, "a.py", "from pipeline import b\n")
    _write(package, "b.py", "one")
    before = closure.code_digests("pipeline.a")
    (package / "__init__.py").write_text("__version__ = '2'\n")
    _forget()
    assert closure.code_digests("pipeline.a") == before
    _write(package, "b.py", "two")
    _forget()
    assert closure.code_digests("pipeline.a") != before
