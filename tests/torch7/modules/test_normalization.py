from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import UnsupportedError, UsageError
from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures, graph_of
from tests.torch7.writer import nn, sequential


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


BATCH_NORMALIZATIONS = {"": (3,), "Spatial": (3, 4, 5), "Volumetric": (3, 2, 4, 5)}  # and the shape of a sample


def batch_normalization(kind="Spatial", package="nn"):
    return nn(
        f"{package}.{kind}BatchNormalization",
        running_mean=numbers(3, seed=1),
        running_var=np.abs(numbers(3, seed=2)) + 0.5,
        eps=1e-5,
    )


def batch_normalized(x):
    column = (-1, *[1] * (x.ndim - 1))
    mean, spread = numbers(3, seed=1).reshape(column), (np.abs(numbers(3, seed=2)) + 0.5).reshape(column)
    return (x - mean) / np.sqrt(spread + 1e-5)


@pytest.mark.parametrize("kind", BATCH_NORMALIZATIONS)
def test_a_sample_comes_out_of_a_batch_normalization_as_a_batch(kind):
    x = numbers(*BATCH_NORMALIZATIONS[kind])
    check(batch_normalization(kind), x, expected=batch_normalized(x)[None])


def test_modules_behind_a_batch_normalization_see_the_batch_that_it_made():
    x = numbers(3, 4, 5)
    check(sequential(batch_normalization(), nn("Select", dimension=2, index=1)), x, expected=batch_normalized(x)[:1])


@pytest.mark.parametrize("first", [True, False])
def test_all_who_hold_the_input_of_a_batch_normalization_see_it_as_a_batch(first):
    x = numbers(3, 4, 5)
    branches = [nn("Identity"), batch_normalization()]
    expected = [x[None], batch_normalized(x)[None]]
    order = slice(None, None, 1 if first else -1)
    check(sequential(*branches[order], kind="ConcatTable"), x, expected=expected[order])


def test_only_the_tensor_that_a_batch_normalization_took_becomes_a_batch_not_one_that_shares_its_memory():
    x = numbers(3, 4, 5)
    branch = sequential(nn("ReLU", inplace=True), batch_normalization())
    kept = np.maximum(x, 0)
    check(sequential(branch, nn("Identity"), kind="ConcatTable"), x, expected=[batch_normalized(kept)[None], kept])


def test_a_tensor_in_the_memory_of_one_that_became_a_batch_keeps_its_shape():
    x = numbers(3, 4, 5)
    branch = sequential(nn("ReLU", inplace=True), batch_normalization())
    check(
        sequential(branch, nn("Select", dimension=1, index=2), kind="ConcatTable"),
        x,
        expected=[batch_normalized(np.maximum(x, 0))[None], np.maximum(x[1], 0)],
    )


def test_the_input_itself_becomes_a_batch_also_after_it_was_written_in_place():
    x = numbers(3, 4, 5)
    net = sequential(nn("ReLU", inplace=True), batch_normalization(), nn("Identity"), kind="ConcatTable")
    kept = np.maximum(x, 0)
    check(net, x, expected=[kept, batch_normalized(kept)[None], kept[None]])


@pytest.mark.parametrize("package", ["cudnn", "fbnn"])
def test_other_batch_normalizations_take_batches_only(package):
    with pytest.raises(UsageError, match="a tensor of 4 dimensions, and is given 3x4x5"):
        graph_of(batch_normalization("Spatial", package), (3, 4, 5))
