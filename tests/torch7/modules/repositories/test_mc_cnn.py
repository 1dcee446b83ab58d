from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import UsageError
from tests.support import numbers
from tests.torch7.fixtures import check, refusal, results
from tests.torch7.writer import nn


def test_features_are_divided_by_their_norm():
    x = numbers(2, 3, 4, 5)
    check(nn("Normalize2"), x, expected=x / np.sqrt((x**2).sum(1, keepdims=True) + 1e-5))


def test_a_pixels_channels_are_mapped_linearly():
    weight, bias, x = numbers(4, 3), numbers(1, 4, 1, 1, seed=1), numbers(2, 3, 4, 5, seed=2)
    check(
        nn("SpatialConvolution1_fw", weight=weight, bias=bias), x, expected=np.einsum("oi,nihw->nohw", weight, x) + bias
    )


def test_images_that_follow_each_other_are_compared():
    x = numbers(4, 3, 2, 5)
    check(nn("StereoJoin1"), x, expected=(x[::2] * x[1::2]).sum(1, keepdims=True))
    with pytest.raises(UsageError, match="an even number of images"):
        results(nn("StereoJoin1"), x[:3])


def test_its_softmax_is_nns_but_where_it_adds_a_constant():
    x = numbers(2, 3, 4, 5)
    expected = x - np.log(np.exp(x).sum(1, keepdims=True))
    check(nn("SpatialLogSoftMax", constant_present=False), x, expected=expected)
    assert "adds a constant" in refusal(nn("SpatialLogSoftMax", constant_present=True, constant=1), x)
