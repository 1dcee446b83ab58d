from __future__ import annotations

import numpy as np
import torch

from tests.support import numbers
from tests.torch7.fixtures import check
from tests.torch7.writer import nn


def test_a_convolution_by_fft_pads_up_and_left_on_both_sides():
    x, weight = numbers(1, 2, 5, 6), numbers(3, 2, 3, 3, seed=1)
    expected = torch.conv2d(torch.from_numpy(x), torch.from_numpy(weight), padding=(1, 2)).numpy()
    check(
        nn("SpatialConvolutionCuFFT", weight=weight, kW=3, kH=3, dW=1, dH=1, padUp=1, padLeft=2), x, expected=expected
    )


def test_the_leaky_relu_of_fbnn_is_a_prelu():
    x = numbers(2, 3)
    check(nn("fbnn.LeakyReLU", nOutputPlane=0, weight=np.float32([0.3])), x, expected=np.where(x > 0, x, 0.3 * x))


def test_the_dropout_of_fbnn_scales_in_evaluation_and_its_others_do_not():
    x = numbers(2, 3)
    check(nn("fbnn.Dropout", p=0.25), x, expected=0.75 * x)
    check(nn("fbnn.NestedDropout", p=0.25, v2=False), x, expected=x)


def test_vectors_get_the_length_of_one():
    x = numbers(2, 3)
    check(nn("fbnn.L2Normalize"), x, expected=x / np.linalg.norm(x, axis=1, keepdims=True))


def test_an_unfolded_convolution_pads_time():
    x, weight, bias = numbers(2, 5, 3), numbers(4, 6, seed=1), numbers(4, seed=2)
    padded = np.pad(x, ((0, 0), (1, 1), (0, 0)))
    expected = np.stack([padded[:, t : t + 2].reshape(2, -1) @ weight.T + bias for t in range(6)], 1)
    fields = {"kW": 2, "dW": 1, "pad": 1, "inputFrameSize": 3}
    check(nn("UnfoldedTemporalConvolution", weight=weight, bias=bias, **fields), x, expected=expected)


def test_pixels_are_repeated_by_upsample():
    x = numbers(2, 3, 4)
    check(nn("Upsample", factor=3), x, expected=x.repeat(3, 1).repeat(3, 2))
