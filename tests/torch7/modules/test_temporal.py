from __future__ import annotations

import numpy as np
import pytest

from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures
from tests.torch7.writer import nn


@pytest.mark.parametrize("name", fixtures("temporal"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (2, 3), (4, 4), (5, 3)])
def test_a_temporal_convolution_has_every_kernel_and_stride(kernel, stride):
    x, weight, bias = numbers(2, 11, 3), numbers(4, kernel * 3, seed=1), numbers(4, seed=2)
    starts = range(0, 11 - kernel + 1, stride)
    expected = np.stack([x[:, t : t + kernel].reshape(2, -1) @ weight.T + bias for t in starts], 1)
    check(
        nn("TemporalConvolution", kW=kernel, dW=stride, inputFrameSize=3, weight=weight, bias=bias),
        x,
        expected=expected,
    )


def test_cudnns_temporal_convolution_pads_time():
    x, weight, bias = numbers(2, 5, 3), numbers(4, 9, seed=1), numbers(4, seed=2)
    padded = np.pad(x, ((0, 0), (1, 1), (0, 0)))
    expected = np.stack([padded[:, t : t + 3].reshape(2, -1) @ weight.T + bias for t in range(0, 5, 2)], 1)
    fields = {"kH": 3, "dH": 2, "padH": 1, "kW": 3, "dW": 1, "padW": 0, "inputFrameSize": 3}
    check(nn("cudnn.TemporalConvolution", weight=weight, bias=bias, **fields), x, expected=expected)


def test_the_one_largest_frame_of_k_max_pooling_is_a_maximum():
    x = numbers(2, 5, 3)
    check(nn("TemporalDynamicKMaxPooling", minK=1, factor=0), x, expected=x.max(1, keepdims=True))
