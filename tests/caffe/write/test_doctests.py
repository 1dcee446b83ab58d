"""The examples in the documentation of the writers."""

import doctest

import pytest

from pipeline.caffe.write import pooling, reduction, selection


@pytest.mark.parametrize("module", [pooling, reduction, selection])
def test_examples_hold(module):
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0
