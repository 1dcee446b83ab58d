from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.store.store import Store
from tests.engine.conftest import bench

__all__ = ["bench"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")
