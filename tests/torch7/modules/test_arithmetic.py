from __future__ import annotations

import pytest

from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures
from tests.torch7.writer import nn


@pytest.mark.parametrize("name", fixtures("arithmetic"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


@pytest.mark.parametrize(("kind", "field"), [("CMul", "weight"), ("CAdd", "bias")])
def test_a_parameter_of_as_many_elements_is_taken_element_by_element(kind, field):
    x, parameter = numbers(3, 1), numbers(1, 3, seed=1)
    other = parameter.reshape(3, 1)
    check(nn(kind, **{field: parameter}), x, expected=x * other if kind == "CMul" else x + other)
