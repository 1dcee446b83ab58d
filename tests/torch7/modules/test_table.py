from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import UsageError
from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures, results
from tests.torch7.writer import nn, sequential


@pytest.mark.parametrize("name", fixtures("table"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


def test_a_tensor_is_added_to_every_item():
    x, a, b = numbers(2, 3), numbers(2, 3, seed=1), numbers(2, 3, seed=2)
    check(nn("CAddTensorTable"), [x, [a, b]], expected=[a + x, b + x])


def test_items_of_another_shape_with_as_many_elements_are_added():
    x, y = numbers(2, 3), numbers(3, 2, seed=1)
    check(nn("CAddTable"), [x, y], expected=x + y.reshape(2, 3))


def test_a_narrow_table_ends_where_its_input_does():
    x, y, z = numbers(2, 3), numbers(2, 3, seed=1), numbers(2, 3, seed=2)
    check(nn("NarrowTable", offset=2, length=5), [x, y, z], expected=[y, z])


def test_a_narrow_table_behind_the_end_is_empty():
    x, y = numbers(2, 3), numbers(2, 2, seed=1)
    beyond = sequential(nn("Identity"), nn("NarrowTable", offset=3, length=1), kind="ConcatTable")
    check(sequential(beyond, nn("FlattenTable"), nn("JoinTable", dimension=2)), [x, y], expected=np.hstack([x, y]))


def test_an_item_is_joined_that_has_as_many_elements_as_its_place():
    x, y = numbers(2, 3), numbers(1, 2, 2, seed=1)
    check(nn("JoinTable", dimension=2), [x, y], expected=np.hstack([x, y.reshape(2, 2)]))


def test_an_item_that_does_not_fill_its_place_is_not_joined():
    with pytest.raises(UsageError, match="that fit behind 2x3 along dimension 2"):
        results(nn("JoinTable", dimension=2), [numbers(2, 3), numbers(3, 2)])


@pytest.mark.parametrize("kind", ["CSubTable", "DotProduct"])
def test_a_module_of_two_tensors_leaves_what_stands_behind_them(kind):
    x, y, z = numbers(2, 3), numbers(2, 3, seed=1), numbers(4, seed=2)
    check(nn(kind), [x, y, z], expected=x - y if kind == "CSubTable" else (x * y).sum(1))


def test_a_mixture_weighs_experts_in_a_tensor_too():
    gate, experts = numbers(2, 3), numbers(2, 3, 4, seed=1)
    check(nn("MixtureTable"), [gate, experts], expected=(gate[:, :, None] * experts).sum(1))
