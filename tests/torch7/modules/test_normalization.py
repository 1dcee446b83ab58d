from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import UnsupportedError
from tests.torch7.fixtures import check, check_fixture, fixtures, graph_of, numbers
from tests.torch7.writer import nn


@pytest.mark.parametrize("name", fixtures("normalization"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


def test_old_files_keep_the_inverse_of_the_deviation():
    x, mean, spread = numbers(4, 3), numbers(3, seed=1), np.abs(numbers(3, seed=2)) + 0.5
    inverse = (1 / np.sqrt(spread + 1e-5)).astype(np.float32)
    module = nn("BatchNormalization", running_mean=mean, running_std=inverse, eps=1e-5)
    check(module, x, expected=(x - mean) / np.sqrt(spread + 1e-5))


INSTANCE = {"weight": numbers(3, seed=1), "bias": numbers(3, seed=2), "eps": 1e-5}


def by_own_statistics(x):
    return (x - x.mean((2, 3), keepdims=True)) / np.sqrt(x.var((2, 3), keepdims=True) + 1e-5)


def test_an_instance_normalization_does_not_look_at_what_its_scratch_module_remembers():
    x = numbers(2, 3, 4, 5)
    scratch = nn("SpatialBatchNormalization", running_mean=numbers(6), running_var=np.ones(6, np.float32), train=False)
    module = nn("InstanceNormalization", **INSTANCE, bn=scratch, prev_N=2)
    check(
        module, x, expected=by_own_statistics(x) * INSTANCE["weight"][:, None, None] + INSTANCE["bias"][:, None, None]
    )


def test_an_instance_normalization_may_have_no_weight():
    x = numbers(2, 3, 4, 5)
    check(nn("InstanceNormalization", affine=False, eps=1e-5), x, expected=by_own_statistics(x))


def test_an_instance_normalization_that_draws_its_weight_anew_is_refused():
    with pytest.raises(UnsupportedError, match="1 part"):
        graph_of(nn("InstanceNormalization", eps=1e-5), (2, 3, 4, 5))


def test_a_disabled_instance_normalization_is_a_copy():
    x = numbers(2, 3, 4, 5)
    check(nn("InstanceNormalization", disabled=True, **INSTANCE), x, expected=x)
