from __future__ import annotations

import pytest
import torch

from pipeline.errors import InvalidInputError
from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures, graph_of
from tests.torch7.writer import nn


@pytest.mark.parametrize("name", fixtures("convolution"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


def conv(kind, x, weight, **fields):
    outputs, inputs = weight.shape[:2]
    sizes = {"nInputPlane": inputs, "nOutputPlane": outputs, "kH": weight.shape[2], "kW": weight.shape[3]}
    return nn(kind, weight=weight, **{**sizes, **fields})


def test_old_convolutions_lack_strides_and_pad_by_one_field():
    x, weight = numbers(1, 2, 5, 6), numbers(3, 2, 3, 3, seed=1)
    expected = torch.conv2d(torch.from_numpy(x), torch.from_numpy(weight), padding=1).numpy()
    flat = conv("SpatialConvolutionMM", x, weight, padding=1)
    flat.fields["weight"] = weight.reshape(3, -1)
    check(flat, x, expected=expected)


def test_a_volumetric_full_convolution_before_adj_has_its_weight_the_other_way_round():
    x, weight = numbers(1, 2, 3, 4, 5), numbers(2, 3, 2, 2, 2, seed=1)
    expected = torch.conv_transpose3d(torch.from_numpy(x), torch.from_numpy(weight), padding=1).numpy()
    sizes = {f"{name}{axis}": size for name, size in (("k", 2), ("d", 1), ("p", 1)) for axis in "THW"}
    old = nn("VolumetricFullConvolution", nInputPlane=2, nOutputPlane=3, weight=weight.swapaxes(0, 1).copy(), **sizes)
    check(old, x, expected=expected)


def test_a_full_convolution_takes_its_size_from_a_second_tensor():
    x, weight = numbers(1, 2, 3, 4), numbers(2, 3, 3, 3, seed=1)
    reference = numbers(1, 1, 6, 7)
    expected = torch.conv_transpose2d(
        torch.from_numpy(x), torch.from_numpy(weight), stride=2, padding=1, output_padding=(1, 0)
    )
    module = nn(
        "SpatialFullConvolution", nInputPlane=2, nOutputPlane=3, weight=weight, kW=3, kH=3, dW=2, dH=2, padW=1, padH=1
    )
    check(module, [x, reference], expected=expected.numpy())


def test_a_weight_of_another_size_is_a_damaged_file():
    with pytest.raises(InvalidInputError, match="needs a weight of 3x4x3x3 elements"):
        graph_of(conv("SpatialConvolution", None, numbers(3, 2, 3, 3), nInputPlane=4, kW=3), (1, 4, 5, 5))
