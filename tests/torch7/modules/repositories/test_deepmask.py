from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import InvalidInputError, UsageError
from tests.support import numbers
from tests.torch7.fixtures import check, results
from tests.torch7.writer import nn, sequential


@pytest.mark.parametrize("pads", [(1, 1, 1, 1), (3, 2, 0, 1), (0, 0, 2, 0), (-1, 1, 1, -1), (-1, -1, 0, 0)])
def test_symmetric_padding_mirrors_with_the_border(pads):
    left, right, top, bottom = pads
    x = numbers(2, 3, 4, 5)
    cropped = x[:, :, max(-top, 0) : 4 - max(-bottom, 0), max(-left, 0) : 5 - max(-right, 0)]
    rows, columns = (max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))
    expected = np.pad(cropped, ((0, 0), (0, 0), rows, columns), mode="symmetric")
    check(nn("SpatialSymmetricPadding", pad_l=left, pad_r=right, pad_t=top, pad_b=bottom), x, expected=expected)


def test_symmetric_padding_is_not_wider_than_the_image():
    with pytest.raises(UsageError, match="at least 3 rows"):
        results(nn("SpatialSymmetricPadding", pad_l=0, pad_r=0, pad_t=3, pad_b=0), numbers(1, 1, 2, 5))


def test_a_deep_mask_gives_the_mask_and_the_score_of_one_trunk():
    x = numbers(2, 3)
    model = nn("DeepMask", trunk=nn("Tanh"), maskBranch=nn("Square"), scoreBranch=nn("Sum", dimension=2))
    check(model, x, expected=[np.tanh(x) ** 2, np.tanh(x).sum(1)])


def sharp_mask(refinements):
    add = sequential(nn("CAddTable"), nn("Square"))
    refs = {0: nn("MulConstant", constant_scalar=2.0)} | dict.fromkeys(range(1, refinements + 1), add)
    trunk = sequential(nn("Tanh"), nn("Exp"), nn("AddConstant", constant_scalar=1.0))
    return nn("SharpMask", trunk=trunk, refs=refs, scoreBranch=nn("Abs"), skpos=[2, 1])


def test_a_sharp_mask_is_refined_by_what_its_trunk_gave_on_the_way():
    x = numbers(2, 3)
    first = np.tanh(x)
    second = np.exp(first)
    features = second + 1
    expected = (first + (second + 2 * features) ** 2) ** 2
    check(sharp_mask(2), x, expected=[expected, np.abs(features)])


def test_a_sharp_mask_without_a_refinement_is_damage():
    with pytest.raises(InvalidInputError, match=r"refs\[2\]"):
        results(sharp_mask(1), numbers(2, 3))
