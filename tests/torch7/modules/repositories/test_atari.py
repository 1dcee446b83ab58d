from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import UsageError
from tests.support import numbers
from tests.torch7.fixtures import check, results
from tests.torch7.writer import nn, sequential


@pytest.mark.parametrize("kind", ["Rectifier", "GuidedReLU", "DeconvnetReLU"])
def test_rectifiers_cut_at_zero(kind):
    x = numbers(2, 3)
    check(nn(kind), x, expected=np.maximum(x, 0))


def test_a_rescaled_gradient_is_the_identity():
    x = numbers(2, 3)
    check(sequential(nn("GradientRescale", scaleFactor=0.7), nn("Tanh")), x, expected=np.tanh(x))


def test_a_tensor_of_enough_dimensions_stays_and_another_is_refused():
    x = numbers(2, 3)
    check(sequential(nn("MinDim", pos=1, numInputDims=2), nn("Tanh")), x, expected=np.tanh(x))
    with pytest.raises(UsageError, match="a tensor of 3 dimensions"):
        results(nn("MinDim", pos=1, numInputDims=3), x)
