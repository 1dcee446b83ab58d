from __future__ import annotations

import numpy as np

from tests.support import numbers
from tests.torch7.fixtures import check
from tests.torch7.writer import nn


def test_vectors_are_divided_by_their_norm_unless_it_is_small():
    x = numbers(3, 4)
    x[1] = 0
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    check(nn("Normalization", thresh=0), x, expected=x / np.where(norm > 0, norm, 1))


def test_rows_are_weighed_by_the_factor_beside_their_index():
    weight = numbers(5, 3)
    pairs = np.array([[2, 0.5], [5, -2]], np.float32)
    check(nn("WeightedLookupTableSkinny", weight=weight), pairs, expected=weight[[1, 4]] * pairs[:, 1:])
    check(nn("WeightedLookupTableSkinny", weight=weight), pairs[:, 0].copy(), expected=weight[[1, 4]])
