from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from pipeline.inspection import operators, statistics, views


@pytest.mark.parametrize("module", [operators, statistics, views])
def test_examples_in_the_documentation_hold(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
