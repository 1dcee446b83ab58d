"""Which modules are mutated, and which tests are asked about a module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

# Where a wrong number or a lost file would come from; `make mutants PATHS=...` names others.
DEFAULT = (
    "pipeline/graph",
    "pipeline/torch7/modules",
    "pipeline/caffe/write",
    "pipeline/caffe2/write",
    "pipeline/store/store.py",
    "pipeline/store/writing.py",
)


def modules(root: Path, paths: Iterable[str]) -> Iterator[Path]:
    """Find the modules at `paths`, files or folders below `root`; ValueError for a path that holds none."""
    for path in paths:
        place = root / path
        found = [place] if place.is_file() else sorted(place.rglob("*.py"))
        if not found:
            raise ValueError(f"{path} is no module of the program and no folder of them")
        yield from (module.relative_to(root) for module in found)


def related(root: Path, module: Path) -> list[Path]:
    """Return the tests to ask about a module, the nearest first: each is asked only where those before noticed nothing.

    They are the file that mirrors the module, the folder that mirrors its folder, and that of its part of the
    program: for `pipeline/graph/passes/pads.py` the tests `graph/passes/test_pads.py`, `graph/passes` and `graph`.
    """
    inside = Path("tests", *module.parts[1:])
    nearest = (inside.with_name(f"test_{module.name}"), inside.parent, Path(*inside.parts[:2]))
    return [path for path in dict.fromkeys(nearest) if (root / path).exists()]
