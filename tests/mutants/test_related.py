from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.related import DEFAULT, modules, related

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "nearest"),
    [
        ("graph/passes/pads.py", ["graph/passes/test_pads.py", "graph/passes", "graph"]),
        ("store/store.py", ["store/test_store.py", "store"]),
        ("caffe2/write/steps.py", ["caffe2/write", "caffe2"]),
        ("torch7/modules/table.py", ["torch7/modules/test_table.py", "torch7/modules", "torch7"]),
    ],
)
def test_the_nearest_tests_of_a_module_are_asked_first(module: str, nearest: list[str]) -> None:
    assert related(ROOT, Path("pipeline", module)) == [Path("tests", path) for path in nearest]


def test_every_module_that_is_mutated_has_tests_to_ask() -> None:
    found = list(modules(ROOT, DEFAULT))
    assert len(found) > 70
    assert all(related(ROOT, module) for module in found)


def test_a_path_without_modules_is_refused() -> None:
    with pytest.raises(ValueError, match="pipeline/nowhere"):
        list(modules(ROOT, ["pipeline/nowhere"]))
