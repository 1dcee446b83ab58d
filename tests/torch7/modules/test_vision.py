from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

from pipeline.errors import UnsupportedError, UsageError
from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures, graph_of
from tests.torch7.writer import nn, sequential


@pytest.mark.parametrize("name", fixtures("vision"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


def test_inns_affine_and_mean_are_taken_channel_by_channel():
    x, a, b = numbers(2, 3, 4, 5), numbers(3, seed=1), numbers(3, seed=2)
    check(nn("inn.ConstAffine", a=a, b=b), x, expected=x * a[:, None, None] + b[:, None, None])
    with pytest.raises(UsageError, match="3 channels"):
        graph_of(nn("inn.ConstAffine", a=a, b=b), (3, 4, 5))
    mean = numbers(1, 3, 4, 5, seed=3)
    check(nn("inn.MeanSubtraction", mean=mean), x, expected=x - mean)


def test_stochastic_pooling_weighs_each_pixel_by_itself():
    x = np.abs(numbers(1, 1, 5, 4))
    expected = np.empty((1, 1, 3, 2))
    for i in range(3):
        for j in range(2):
            window = x[0, 0, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            expected[0, 0, i, j] = (window**2).sum() / window.sum()
    check(nn("inn.SpatialStochasticPooling", kW=2, kH=2, dW=2, dH=2), x, expected=expected)


@pytest.mark.parametrize(("version", "end"), [(None, 4), (True, 3)])
def test_a_region_is_pooled_and_ends_earlier_in_the_second_version(version, end):
    x = numbers(1, 2, 6, 6)
    rois = np.float32([[1, 2, 2, 5, 5]])  # image 1, from 2, 2 to 5, 5: all from 1 on
    fields = {} if version is None else {"v2": version}
    expected = x[:, :, 1 : end + 1, 1 : end + 1].max((2, 3), keepdims=True)
    check(nn("inn.ROIPooling", W=1, H=1, spatial_scale=1, **fields), [x, rois], expected=expected)


def test_the_middle_is_cropped_where_torch_begins_it():
    x = numbers(1, 1, 7, 8)
    check(nn("SpatialUniformCrop", oheight=4, owidth=4), x, expected=x[:, :, 1:5, 1:5])


def test_crelu_joins_both_signs_along_the_channels():
    x = numbers(2, 3, 4, 5)
    expected = np.maximum(np.concatenate([x, -x], 1), 0)
    check(nn("CReLU", nInputDims=3, modules=[]), x, expected=expected)


def test_nnxs_classifier_runs_on_every_pixel():
    x, weight, bias = numbers(3, 2, 4), numbers(5, 3, seed=1), numbers(5, seed=2)
    expected = np.einsum("oc,chw->ohw", weight, x) + bias[:, None, None]
    linear = nn("Linear", weight=weight, bias=bias)
    check(nn("SpatialClassifier", modules=[linear], classifier=linear, spatialOutput=True), x, expected=expected)
    check(nn("SpatialLinear", weight=weight, bias=bias), x, expected=expected)


def test_nnxs_classifier_that_evaluation_does_not_reach_is_refused():
    statistics = {"running_mean": numbers(3), "running_var": np.ones(3, np.float32)}
    for train, refusal in ((True, pytest.raises(UnsupportedError)), (False, nullcontext())):
        inner = sequential(nn("BatchNormalization", **statistics, train=train))
        with refusal:
            graph_of(nn("SpatialClassifier", modules=[inner], classifier=inner), (3, 4, 5))
