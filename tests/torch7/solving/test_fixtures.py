"""The solver over networks that Torch7 saved with the inputs it gave them: it takes no shape that was not meant."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.input_shapes import SECONDS, measure, rows
from tests.support import shared
from tests.torch7.fixtures import DATA, REFUSED

# A module that takes a tensor, or a table of two, as it comes.
EITHER = {"SpatialFullConvolution_tableinput"}
FIXTURES = sorted({path.parent.name for path in DATA.glob("*/io.npz")} - EITHER - set(REFUSED))


@pytest.mark.parametrize("name", FIXTURES)
def test_a_shape_that_is_taken_is_the_one_that_torch7_was_given(name):
    row = measure(DATA / name)
    assert row.verdict != "wrong", f"{row.said}, and Torch7 was given {row.true}"


def test_most_networks_need_no_shape_and_the_others_get_some_that_fit():
    found = list(rows([shared("models")]))
    count = Counter(row.verdict for row in found)
    assert count["wrong"] == count["none"] == 0
    assert count["right"] >= 60 and count["asked"] >= 25
    assert max(row.seconds for row in found) < SECONDS
