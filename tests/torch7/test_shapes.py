from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.torch7.importer import read
from tests.support import numbers
from tests.torch7.writer import nn, save, sequential, storage


def conv(inputs, outputs, kernel, **fields):
    fields = {"dW": 1, "dH": 1, "padW": 0, "padH": 0} | fields
    weight = numbers(outputs, inputs, kernel, kernel)
    return nn(
        "SpatialConvolution", nInputPlane=inputs, nOutputPlane=outputs, kW=kernel, kH=kernel, weight=weight, **fields
    )


def without_input(net, tmp_path):
    return read(save(tmp_path / "net.t7", net)).inputs[0].shape


def test_a_linear_network_knows_its_input(tmp_path):
    assert without_input(sequential(nn("Dropout", v2=True), nn("Linear", weight=numbers(2, 7))), tmp_path) == (1, 7)


def test_the_size_that_pooling_remembers_leads_back_through_the_convolutions(tmp_path):
    pooling = nn("SpatialMaxPooling", kW=2, kH=2, dW=2, dH=2, iheight=20, iwidth=26)
    net = sequential(conv(3, 4, 5, padW=1, padH=1), nn("ReLU"), pooling)
    assert without_input(net, tmp_path) == (1, 3, 22, 28)


def test_a_dilated_convolution_took_as_much_more_as_its_windows_reach(tmp_path):
    dilated = conv(3, 4, 3, dilationW=4, dilationH=2)
    dilated.class_name = "nn.SpatialDilatedConvolution"
    pooling = nn("SpatialMaxPooling", kW=2, kH=2, dW=2, dH=2, iheight=20, iwidth=26)
    assert without_input(sequential(dilated, pooling), tmp_path) == (1, 3, 24, 34)


def test_what_cudnn_remembers_is_the_input(tmp_path):
    module = conv(3, 4, 3)
    module.class_name = "cudnn.SpatialConvolution"
    module.fields["iSize"] = storage(np.array([128, 3, 32, 40], np.int64))
    assert without_input(sequential(module), tmp_path) == (1, 3, 32, 40)


def test_an_input_that_is_not_known_is_asked_for_with_what_is_known(tmp_path):
    with pytest.raises(UsageError) as failure:
        without_input(sequential(conv(3, 4, 3)), tmp_path)
    assert "3 planes" in failure.value.why and "--input" in failure.value.advice
