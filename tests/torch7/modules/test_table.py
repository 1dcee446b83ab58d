from __future__ import annotations

import pytest

from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures
from tests.torch7.writer import nn


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


def test_a_mixture_weighs_experts_in_a_tensor_too():
    gate, experts = numbers(2, 3), numbers(2, 3, 4, seed=1)
    check(nn("MixtureTable"), [gate, experts], expected=(gate[:, :, None] * experts).sum(1))
