from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support import numbers
from tests.torch7.fixtures import check
from tests.torch7.writer import nn

NEARLY_ZERO = np.float32(-1e-9)  # is lost beside 1, and so counts as 0


def test_an_activation_is_its_sign():
    x = np.array([[-2, 0, 0.5]], np.float32)
    check(nn("BinActiveZ"), x, expected=np.sign(x))


def test_neurons_are_signs_but_what_is_lost_beside_one():
    x = np.array([[-2, NEARLY_ZERO, 0.5]], np.float32)
    check(module("BinarizedNeurons"), x, expected=np.array([[-1, 0, 1]]))


def module(kind, **fields):
    made = nn("Any", **fields)
    made.class_name = kind
    return made


def signs(weight):
    return np.where(weight + np.float32(1) >= 1, 1, -1).astype(np.float32)


def test_a_binary_linear_takes_the_signs_of_its_weight():
    weight, bias, x = numbers(4, 3), numbers(4, seed=1), numbers(2, 3, seed=2)
    weight[0] = 0, NEARLY_ZERO, -0.0
    check(module("BinaryLinear", weight=weight, bias=bias), x, expected=x @ signs(weight).T + bias)


@pytest.mark.parametrize("kind", ["BinarySpatialConvolution", "cudnnBinarySpatialConvolution"])
def test_a_binary_convolution_takes_the_signs_of_its_weight(kind):
    weight, bias, x = numbers(4, 2, 3, 3), numbers(4, seed=1), numbers(1, 2, 5, 5, seed=2)
    sizes = {"kW": 3, "kH": 3, "dW": 1, "dH": 1, "padW": 1, "padH": 1, "nInputPlane": 2, "nOutputPlane": 4}
    arrays = map(torch.from_numpy, (x, signs(weight), bias))
    expected = torch.nn.functional.conv2d(*arrays, padding=1).numpy()
    check(module(kind, weight=weight, bias=bias, **sizes), x, expected=expected)


@pytest.mark.parametrize("image", [(), (4, 5)])
@pytest.mark.parametrize("affine", [True, False])
def test_a_shift_normalization_multiplies_by_powers_of_two(affine, image):
    x, mean = numbers(2, 3, *image), numbers(3, seed=1)
    std, weight, bias = np.array([0.3, 1, 3], np.float32), np.array([-5, 0, 0.7], np.float32), numbers(3, seed=2)
    shape = (1, 3, *[1] * len(image))
    expected = (x - mean.reshape(shape)) * np.array([0.25, 1, 4]).reshape(shape)
    fields = {"running_mean": mean, "running_std": std}
    if affine:
        expected = expected * np.array([-4, 0, 0.5]).reshape(shape) + bias.reshape(shape)
        fields |= {"weight": weight, "bias": bias}
    kind = "SpatialBatchNormalizationShiftPow2" if image else "BatchNormalizationShiftPow2"
    check(module(kind, **fields), x, expected=expected)
