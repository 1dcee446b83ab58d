from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.errors import InvalidInputError, UsageError
from tests.support import numbers
from tests.torch7.fixtures import check, results
from tests.torch7.writer import nn, sequential


def upsample(**fields):
    sizes = {"kW": 3, "kH": 3, "dW": 1, "dH": 1, "padW": 1, "padH": 1, "nInputPlane": 2, "nOutputPlane": 12}
    weight, bias = numbers(12, 2, 3, 3), numbers(12, seed=1)
    return nn("SpatialConvolutionUpsample", weight=weight, bias=bias, factor=2, **sizes, **fields), weight, bias


def test_the_planes_of_a_convolution_are_seen_as_larger_ones():
    module, weight, bias = upsample(nOutputPlaneU=3)
    x = numbers(2, 2, 4, 5, seed=2)
    planes = torch.nn.functional.conv2d(*map(torch.from_numpy, (x, weight, bias)), padding=1).numpy()
    check(module, x, expected=planes.reshape(2, 3, 8, 10))
    check(module, x[0], expected=planes[0].reshape(3, 8, 10))


def test_planes_that_do_not_give_the_larger_ones_are_damage():
    with pytest.raises(InvalidInputError, match="planes that give 1x4x8x10"):
        results(upsample(nOutputPlaneU=4)[0], numbers(1, 2, 4, 5))


def test_a_dense_layer_gives_what_it_takes_and_what_it_makes_of_all():
    x, y = numbers(2, 3), numbers(2, 2, seed=1)
    layer = sequential(nn("Tanh"), nn("Exp"), kind="DenseConnectLayerCustom")
    check(layer, x, expected=[x, np.exp(np.tanh(x))])
    check(layer, [x, y], expected=[x, y, np.exp(np.tanh(np.hstack([x, y])))])


def test_a_row_is_added_to_every_row():
    x, row = numbers(3, 4), numbers(1, 4, seed=1)
    check(nn("treelstm.CRowAddTable"), [x, row], expected=x + row)
    with pytest.raises(UsageError, match="fits each of its slices"):
        results(nn("treelstm.CRowAddTable"), [x, row[:, :3]])
