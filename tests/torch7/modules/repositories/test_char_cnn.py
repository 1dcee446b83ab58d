from __future__ import annotations

import numpy as np
import torch

from tests.support import numbers
from tests.torch7.fixtures import check
from tests.torch7.writer import nn, sequential


def test_a_diagonal_multiplies_every_element_of_a_sample():
    weight, x = numbers(3, 4), numbers(2, 3, 4, seed=1)
    check(nn("Diag", weight=weight), x, expected=x * weight)
    check(nn("Diag", weight=weight), x[0], expected=x[0] * weight)


def test_an_outer_product_is_taken_for_each_row():
    a, b = numbers(2, 3), numbers(2, 4, seed=1)
    check(nn("OuterProd"), [a, b], expected=a[:, :, None] * b[:, None])
    check(nn("OuterProd"), [a[0], b[0]], expected=np.outer(a[0], b[0]))


def test_a_tensor_product_weighs_every_pair():
    weight, bias = numbers(5, 3, 4), numbers(5, seed=1)
    a, b = numbers(2, 3, seed=2), numbers(2, 4, seed=3)
    check(nn("TensorProd", weight=weight, bias=bias), [a, b], expected=np.einsum("na,kab,nb->nk", a, weight, b) + bias)


def test_a_masked_softmax_writes_over_its_rows():
    rows, mask = numbers(2, 4), np.array([[0, 0, 1, 0], [1, 0, 0, 0]], np.float32)
    filled = np.where(mask > 0, np.float32(-9999999), rows)
    expected = torch.softmax(torch.from_numpy(filled), 1).numpy()
    both = sequential(nn("maskSoftMax"), nn("SelectTable", index=1), kind="ConcatTable")
    check(both, [rows, mask], expected=[expected, filled])
