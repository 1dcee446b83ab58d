from __future__ import annotations

import numpy as np
import pytest

from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures
from tests.torch7.writer import nn


@pytest.mark.parametrize("name", fixtures("slicing"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"dim": 1, "pad": 2}, [1, 2, 3, 0, 0]),
        ({"dim": 1, "pad": -2, "value": 7}, [7, 7, 1, 2, 3]),
        ({"dim": 1, "pad": 1, "index": 2, "value": 5}, [1, 2, 5, 3]),
        ({"dim": 1, "pad": -1, "index": 2, "value": 5}, [1, 5, 2, 3]),
    ],
)
def test_padding_stands_where_index_says(fields, expected):
    check(nn("Padding", **fields), np.float32([1, 2, 3]), expected=np.float32(expected))


@pytest.mark.parametrize(
    ("fields", "first", "last"),
    [
        ({"index": 2, "length": 2}, 1, 3),
        ({"index": 2, "length": -1}, 1, 5),
        ({"index": 2, "length": -2}, 1, 4),
        ({"index": -1, "length": 2}, 0, 3),
    ],
)
def test_narrow_counts_from_either_end(fields, first, last):
    x = numbers(2, 5)
    check(nn("Narrow", dimension=-1, **fields), x, expected=x[:, first:last])


def test_images_are_padded_in_every_mode_and_cropped():
    x = numbers(2, 5, 6)
    sides = {"pad_l": 1, "pad_r": 2, "pad_t": 3, "pad_b": 0}
    widths = ((0, 0), (3, 0), (1, 2))
    check(nn("SpatialReflectionPadding", **sides), x, expected=np.pad(x, widths, "reflect"))
    check(nn("SpatialReplicationPadding", **sides), x, expected=np.pad(x, widths, "edge"))
    check(nn("SpatialCircularPadding", **sides), x, expected=np.pad(x, widths, "wrap"))
    check(nn("SpatialPadding", **sides, val=2), x, expected=np.pad(x, widths, constant_values=2))
    crop = {"pad_l": -1, "pad_r": 2, "pad_t": 0, "pad_b": -2}
    check(nn("SpatialZeroPadding", **crop), x, expected=np.pad(x, ((0, 0), (0, 0), (0, 2)))[:, :3, 1:])


def test_volumes_repeat_their_border():
    x = numbers(1, 2, 3, 4, 5)
    sides = {"pleft": 1, "pright": 2, "ptop": 0, "pbottom": 1, "pfront": 2, "pback": 0}
    expected = np.pad(x, ((0, 0), (0, 0), (2, 0), (0, 1), (1, 2)), "edge")
    check(nn("VolumetricReplicationPadding", **sides), x, expected=expected)


@pytest.mark.parametrize(("fields", "axis"), [({"dim": 2}, 1), ({"dim": 1, "ndim": 2}, 0), ({"dim": 1, "ndim": 1}, 1)])
def test_a_replica_stands_behind_the_batch_where_ndim_says_so(fields, axis):
    x = numbers(2, 3)
    check(nn("Replicate", nfeatures=4, **fields), x, expected=np.repeat(np.expand_dims(x, axis), 4, axis))
