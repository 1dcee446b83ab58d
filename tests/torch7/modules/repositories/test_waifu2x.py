from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support import numbers
from tests.torch7.fixtures import check
from tests.torch7.writer import nn, sequential


def test_clipping_is_done_in_the_memory_of_the_input():
    x = 2 * numbers(1, 3, 4, 4)
    both = sequential(nn("w2nn.InplaceClip01"), nn("Identity"), kind="ConcatTable")
    check(both, x, expected=[x.clip(0, 1), x.clip(0, 1)])


def test_its_leaky_relu_scales_what_is_negative():
    x = numbers(2, 3)
    check(nn("w2nn.LeakyReLU", negative_scale=0.25), x, expected=np.where(x > 0, x, 0.25 * x))


def test_images_are_scaled_by_a_number_for_each_channel():
    x, factors = numbers(2, 3, 4, 5), numbers(2, 3, 1, 1, seed=1)
    check(nn("w2nn.ScaleTable"), [x, factors], expected=x * factors)


def test_of_auxiliary_losses_one_item_is_left_in_the_shape_of_the_first():
    x, y = numbers(2, 3), numbers(3, 2, seed=1)
    check(nn("w2nn.AuxiliaryLossTable", i=2, train=False), [x, y], expected=y.reshape(2, 3))


def test_shaking_is_a_sum_in_evaluation():
    x, y = numbers(2, 3), numbers(2, 3, seed=1)
    check(nn("w2nn.ShakeShakeTable", train=True), [x, y], expected=x + y)


@pytest.mark.parametrize("kind", ["w2nn.EdgeFilter", "w2nn.RandomBinaryConvolution"])
def test_its_fixed_filters_are_convolutions(kind):
    weight, x = numbers(4, 2, 3, 3), numbers(1, 2, 5, 5, seed=1)
    fields = {"kW": 3, "kH": 3, "dW": 1, "dH": 1, "padW": 0, "padH": 0, "nInputPlane": 2, "nOutputPlane": 4}
    expected = torch.nn.functional.conv2d(torch.from_numpy(x), torch.from_numpy(weight)).numpy()
    check(nn(kind, weight=weight, **fields), x, expected=expected)


@pytest.mark.parametrize("kind", ["w2nn.GradWeight", "w2nn.Print"])
def test_what_is_for_training_or_for_show_gives_a_copy(kind):
    x = numbers(2, 3)
    check(sequential(nn(kind), nn("Tanh")), x, expected=np.tanh(x))
