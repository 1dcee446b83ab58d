from __future__ import annotations

import numpy as np
import pytest

from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures
from tests.torch7.writer import nn


@pytest.mark.parametrize("name", fixtures("product"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


def test_cosine_compares_with_every_row_of_the_weight():
    x, weight = numbers(2, 3), numbers(4, 3, seed=1)
    expected = x @ weight.T / np.linalg.norm(x, axis=1)[:, None] / np.linalg.norm(weight, axis=1)
    check(nn("Cosine", weight=weight), x, expected=expected)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_a_pairwise_distance_has_any_norm(p):
    a, b = numbers(2, 5), numbers(2, 5, seed=1)
    check(nn("PairwiseDistance", norm=p), [a, b], expected=(np.abs(a - b) ** p).sum(1) ** (1 / p))
    check(
        nn("PairwiseDistance", norm=p),
        [a[0], b[0]],
        expected=[(np.abs(a[0] - b[0]) ** p).sum(keepdims=True) ** (1 / p)],
    )
