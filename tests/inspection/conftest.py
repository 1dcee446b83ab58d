from __future__ import annotations

from pathlib import Path

import pytest

from tests.verification import nets


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network in every format, as the output folder of a run has it."""
    return nets.saved(nets.network(), tmp_path_factory.mktemp("run"))
