from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import UsageError
from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures, graph_of
from tests.torch7.writer import nn


@pytest.mark.parametrize("name", fixtures("activation"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


def softmax(x, axis):
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


X = numbers(3, 4) * 2


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (nn("HardShrink", **{"lambda": 0.7}), np.where(np.abs(X) > 0.7, X, 0)),
        (nn("SoftMin"), softmax(-X, 1)),
        (nn("RReLU", lower=0.1, upper=0.5), np.where(X > 0, X, 0.3 * X)),
        (nn("RReLU"), np.where(X > 0, X, (1 / 8 + 1 / 3) / 2 * X)),
        (nn("TanhShrink"), X - np.tanh(X)),
        (nn("Threshold", threshold=0.5, val=-3), np.where(X > 0.5, X, -3)),
        (nn("Threshold", threshold=0, val=5), np.where(X > 0, X, 5)),
        (nn("Threshold", threshold=-0.5, val=0), np.where(X > -0.5, X, 0)),
        (nn("SaturatedLU", threshold=-1, val=-2, threshold2=1, val2=3), np.where(X > 1, 3, np.where(X < -1, -2, X))),
        (nn("cudnn.ClippedReLU", ceiling=1.5), np.clip(X, 0, 1.5)),
        (nn("LeakyReLU"), np.where(X > 0, X, 0.01 * X)),
        (nn("SoftPlus", beta=3), np.log1p(np.exp(3 * X)) / 3),
        (nn("PReLU", nOutputPlane=0, weight=np.float32([0.3])), np.where(X > 0, X, 0.3 * X)),
        (
            nn("PReLU", nOutputPlane=4, weight=np.float32([0, 1, 2, 3])),
            np.where(X > 0, X, np.float32([0, 1, 2, 3]) * X),
        ),
    ],
)
def test_computes_its_formula(module, expected):
    check(module, X, expected=expected)


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((3,), 0), ((3, 3), 1), ((3, 3, 2), 1), ((3, 3, 2, 3), 1), ((3, 3, 2, 3, 4), 1)],
)
def test_a_prelu_has_one_slope_a_channel(shape, axis):
    x, slopes = numbers(*shape), np.float32([-0.5, 0.1, 2])
    by_channel = slopes.reshape(-1, *[1] * (len(shape) - axis - 1))
    check(nn("PReLU", nOutputPlane=3, weight=slopes), x, expected=np.where(x > 0, x, by_channel * x))


@pytest.mark.parametrize(
    ("kind", "shape", "axis"),
    [
        ("nn.SoftMax", (5,), 0),
        ("nn.SoftMax", (2, 5), 1),
        ("nn.SoftMax", (5, 2, 3), 0),
        ("nn.SoftMax", (2, 5, 3, 4), 1),
        ("cudnn.SpatialSoftMax", (2, 5, 3, 4), 1),
        ("cudnn.VolumetricSoftMax", (2, 5, 2, 3, 4), 1),
        ("nn.MultiSoftMax", (2, 3, 5), 2),
    ],
)
def test_softmax_is_taken_over_the_features(kind, shape, axis):
    x = numbers(*shape)
    check(nn(kind), x, expected=softmax(x, axis))


def test_cudnns_softmax_is_taken_over_a_whole_sample():
    x = numbers(2, 5, 3, 4)
    check(nn("cudnn.SoftMax"), x, expected=softmax(x.reshape(2, -1), 1).reshape(x.shape))
    check(nn("cudnn.LogSoftMax"), x[0], expected=np.log(softmax(x[0].reshape(-1), 0)).reshape(x[0].shape))


def test_a_prelu_has_its_channels_along_the_second_of_several_axes():
    slope = np.float32([0.1, 0.2, 0.3])
    for x, column in ((numbers(3), slope), (numbers(2, 3, 4), slope[:, None])):
        check(nn("PReLU", nOutputPlane=3, weight=slope), x, expected=np.where(x > 0, x, column * x))
    with pytest.raises(UsageError, match="3 channels along dimension 2"):
        graph_of(nn("PReLU", nOutputPlane=3, weight=slope), (3, 4, 5))


def test_a_number_that_no_float32_holds_is_infinite_as_it_is_in_torch():
    x = numbers(2, 3)
    check(nn("Clamp", min_val=-1e308, max_val=0.5), x, expected=np.minimum(x, 0.5))
    check(nn("LeakyReLU", negval=1e308), np.abs(x), expected=np.abs(x))
