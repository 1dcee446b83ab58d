from __future__ import annotations

import numpy as np
import pytest

from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures
from tests.torch7.writer import nn, sequential


@pytest.mark.parametrize("name", fixtures("adaptive"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


def unpooled(x, y, kernel):
    result = np.zeros_like(x)
    for i in range(y.shape[2]):
        for j in range(y.shape[3]):
            window = x[0, 0, i * kernel : (i + 1) * kernel, j * kernel : (j + 1) * kernel]
            row, column = divmod(int(window.argmax()), window.shape[1])
            result[0, 0, i * kernel + row, j * kernel + column] = y[0, 0, i, j]
    return result


def test_unpooling_puts_numbers_back_where_the_first_of_equals_was():
    x = np.float32([[[[1, 1, 0, 2], [1, 0, 2, 2], [0, 0, 3, 1], [0, 0, 0, 3]]]])
    pooling = nn("SpatialMaxPooling", kW=2, kH=2, dW=2, dH=2, padW=0, padH=0)
    double = nn("MulConstant", constant_scalar=2)
    net = sequential(pooling, double, nn("SpatialMaxUnpooling", pooling=pooling))
    y = 2 * x.reshape(1, 1, 2, 2, 2, 2).max((3, 5))
    check(net, x, expected=unpooled(x, y, 2))


@pytest.mark.parametrize(("size", "count"), [(7, 3), (6, 3), (5, 2), (4, 4), (9, 4)])
def test_adaptive_pooling_divides_any_size(size, count):
    x = numbers(1, 2, size, 6)
    bins = [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
    largest = np.stack([x[:, :, a:b].reshape(1, 2, -1, 2, 3).max((2, 4)) for a, b in bins], 2)
    means = np.stack([x[:, :, a:b].reshape(1, 2, -1, 2, 3).mean((2, 4)) for a, b in bins], 2)
    check(nn("SpatialAdaptiveMaxPooling", W=2, H=count), x, expected=largest)
    check(nn("SpatialAdaptiveAveragePooling", W=2, H=count), x, expected=means)


def test_nnxs_down_sampling_is_the_mean_of_blocks():
    x = numbers(2, 5, 6)
    expected = x[:, :4].reshape(2, 2, 2, 2, 3).mean((2, 4))
    check(nn("SpatialDownSampling", rW=3, rH=2), x, expected=expected)
