"""Networks that public repositories' own Lua built, and checkpoints they left: what Torch7 computed is the judge."""

from __future__ import annotations

import pytest

from tests.support import shared
from tests.torch7.fixtures import check_fixture


@pytest.mark.parametrize(("folder", "pattern"), [("fixtures/torch7/world", "*"), ("models", "torchrnn-*")])
def test_computes_what_torch7_computed(folder, pattern):
    networks = sorted(path for path in shared(folder).glob(pattern) if (path / "io.npz").is_file())
    assert networks
    for network in networks:
        check_fixture(str(network))
