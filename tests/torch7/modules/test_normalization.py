from __future__ import annotations

import numpy as np
import pytest

from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures
from tests.torch7.writer import nn


@pytest.mark.parametrize("name", fixtures("normalization"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


def test_old_files_keep_the_inverse_of_the_deviation():
    x, mean, spread = numbers(4, 3), numbers(3, seed=1), np.abs(numbers(3, seed=2)) + 0.5
    inverse = (1 / np.sqrt(spread + 1e-5)).astype(np.float32)
    module = nn("BatchNormalization", running_mean=mean, running_std=inverse, eps=1e-5)
    check(module, x, expected=(x - mean) / np.sqrt(spread + 1e-5))


def test_fast_neural_style_normalises_by_what_its_batch_norm_remembers_for_this_batch():
    x = numbers(2, 3, 4, 5)
    weight, bias = numbers(3, seed=1), numbers(3, seed=2)
    mean, spread = numbers(6, seed=3), np.abs(numbers(6, seed=4)) + 0.5
    inner = nn("SpatialBatchNormalization", running_mean=mean, running_var=spread)
    module = nn("InstanceNormalization", weight=weight, bias=bias, eps=1e-5, bn=inner, prev_N=2)
    shape = (2, 3, 1, 1)
    centred = (x - mean.reshape(shape)) / np.sqrt(spread.reshape(shape) + 1e-5)
    check(module, x, expected=centred * weight[:, None, None] + bias[:, None, None])
    check(module, x[:1], expected=x[:1] / np.sqrt(1 + 1e-5) * weight[:, None, None] + bias[:, None, None])
