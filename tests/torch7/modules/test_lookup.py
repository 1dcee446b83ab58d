from __future__ import annotations

import numpy as np
import pytest

from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures
from tests.torch7.writer import nn


@pytest.mark.parametrize("name", fixtures("lookup"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


def test_the_index_zero_gives_zeros_where_it_masks():
    weight = numbers(4, 2)
    x = np.float32([0, 1, 3])
    expected = np.stack([np.zeros(2), weight[1], weight[3]])
    check(nn("LookupTableMaskZero", weight=weight), x, expected=expected)


def test_fbcunns_table_gives_zeros_for_the_unknown_and_features_before_places():
    weight, x = numbers(4, 2), np.float32([[1, 3, 4]])
    expected = np.stack([weight[0], np.zeros(2), weight[3]], axis=1)[None]
    check(nn("LookupTableGPU", weight=weight, unk_index=3, featuresInDim2=True), x, expected=expected)


def test_rows_longer_than_max_norm_are_shortened():
    weight = np.float32([[3, 4], [0.3, 0.4]])
    check(
        nn("LookupTable", weight=weight, maxNorm=1), np.float32([1, 2]), expected=np.float32([[0.6, 0.8], [0.3, 0.4]])
    )
