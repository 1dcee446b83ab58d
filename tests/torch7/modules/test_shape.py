from __future__ import annotations

import pytest

from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures
from tests.torch7.writer import nn


@pytest.mark.parametrize("name", fixtures("shape"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


def test_collapse_keeps_the_batch():
    x = numbers(2, 3, 4)
    check(nn("Collapse", nInputDim=2), x, expected=x.reshape(2, 12))
    check(nn("Collapse", nInputDim=3), x, expected=[x.reshape(24)])


@pytest.mark.parametrize(
    ("source", "target", "shape", "expected"),
    [
        ("bchw", "bf", (2, 3, 4, 5), lambda x: x.reshape(2, -1)),
        ("bchw", "bhwc", (2, 3, 4, 5), lambda x: x.transpose(0, 2, 3, 1)),
        ("chwb", "bchw", (3, 4, 5, 2), lambda x: x.transpose(3, 0, 1, 2)),
        ("bchw", "bhwc", (3, 4, 5), lambda x: x.transpose(1, 2, 0)),
        ("b", "bf", (4,), lambda x: x.reshape(4, 1)),
    ],
)
def test_convert_rearranges_by_letters(source, target, shape, expected):
    x = numbers(*shape)
    check(nn("Convert", inputShape=source, outputShape=target), x, expected=[expected(x)])


def test_squeeze_never_drops_the_batch_of_one():
    x = numbers(1, 3, 1, 2)
    check(nn("Squeeze", numInputDims=3), x, expected=x.reshape(1, 3, 2))
    check(nn("Squeeze"), x, expected=x.reshape(3, 2))
    check(nn("Squeeze", dim=2, numInputDims=3), x, expected=x.reshape(1, 3, 2))
