from __future__ import annotations

import numpy as np
import pytest

from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures
from tests.torch7.writer import nn


@pytest.mark.parametrize("name", fixtures("resizing"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


def test_pixels_are_repeated():
    x = numbers(1, 2, 3, 4)
    expected = x.repeat(2, 2).repeat(2, 3)
    check(nn("UpSampling", mode="nearest", scale_factor=2), x, expected=expected)
    check(nn("SpatialUpSampling", dW=2, dH=2, yDim=3, xDim=4), x, expected=expected)
    volume = numbers(1, 2, 2, 3, 4)
    check(
        nn("UpSampling", mode="nearest", scale_factor=2), volume, expected=volume.repeat(2, 2).repeat(2, 3).repeat(2, 4)
    )


def linear(x, size, axis):
    places = np.arange(size) * (x.shape[axis] - 1) / (size - 1)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, x.shape[axis] - 1)
    part = (places - low).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    return x.take(low, axis) * (1 - part) + x.take(high, axis) * part


def test_bilinear_keeps_the_corners():
    x = numbers(1, 2, 3, 4)
    expected = linear(linear(x, 7, 2), 5, 3)
    check(nn("SpatialUpSamplingBilinear", oheight=7, owidth=5), x, expected=expected)
    check(nn("SpatialReSampling", oheight=7, owidth=5), x, expected=expected)
    check(nn("UpSampling", mode="linear", scale_factor=2), x, expected=linear(linear(x, 6, 2), 8, 3))


def test_the_sizes_that_a_file_remembers_tell_the_older_bilinear():
    x = numbers(1, 1, 3, 4)
    sizes = {"inputSize": [1, 1, 5, 6], "outputSize": [1, 1, 13, 16]}
    check(nn("SpatialUpSamplingBilinear", scale_factor=3, **sizes), x, expected=linear(linear(x, 7, 2), 10, 3))
