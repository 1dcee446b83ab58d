from __future__ import annotations

import pytest

from tests.torch7.fixtures import check_fixture, fixtures


@pytest.mark.parametrize("name", fixtures("convolution"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)
