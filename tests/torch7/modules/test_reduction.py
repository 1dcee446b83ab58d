from __future__ import annotations

import pytest

from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures
from tests.torch7.writer import nn


@pytest.mark.parametrize("name", fixtures("reduction"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


def test_arg_max_counts_from_one():
    x = numbers(3, 4)
    check(nn("ArgMax", dim=1, nInputDim=1), x, expected=x.argmax(1) + 1)


def test_a_sum_that_is_not_squeezed_keeps_its_dimension():
    x = numbers(3, 4)
    check(nn("Sum", dimension=2, squeeze=False), x, expected=x.sum(1, keepdims=True))
    check(nn("Sum", dimension=1), x[0], expected=[x[0].sum(keepdims=True)])
