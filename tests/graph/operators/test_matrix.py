from __future__ import annotations

import numpy as np
import pytest

from pipeline.graph.operators import ShapeError
from tests.graph.operators.apply import apply, close
from tests.support import numbers


@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize("c", [None, (), (1,), (4,), (1, 4), (2, 1), (2, 4)])
def test_gemm_is_the_scaled_product_and_addend(trans_a: int, trans_b: int, c: tuple[int, ...] | None) -> None:
    a, b = numbers(2, 3), numbers(3, 4, seed=1)
    addend = None if c is None else numbers(*c, seed=2)
    expected = 0.25 * (a @ b) + (0 if addend is None else 0.35 * addend)
    y = apply(
        "Gemm",
        a.T.copy() if trans_a else a,
        b.T.copy() if trans_b else b,
        addend,
        alpha=0.25,
        beta=0.35,
        transA=trans_a,
        transB=trans_b,
    )
    close(y, expected)


@pytest.mark.parametrize(
    ("a", "b"),
    [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 1, 2, 3), (4, 3, 2)), ((3,), (4, 3, 2))],
)
def test_matmul_follows_numpy_for_every_rank(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    x, y = numbers(*a), numbers(*b, seed=1)
    close(apply("MatMul", x, y), np.matmul(x, y))


@pytest.mark.parametrize(
    ("operator", "shapes", "message"),
    [
        ("Gemm", [(2, 3), (4, 3)], r"a \(2, 3\) \(transA=0\) does not fit b \(4, 3\) \(transB=0\)"),
        ("Gemm", [(2, 3), (3, 4), (3, 4)], r"\(3, 4\), \(2, 4\) cannot be broadcast"),
        ("Gemm", [(2, 3), (3, 1), (1, 4)], r"c of shape \(1, 4\) does not fit \(2, 1\)"),
        ("Gemm", [(2, 3, 1), (3, 4)], r"needs 2 axes, not shape \(2, 3, 1\)"),
        ("MatMul", [(2, 3), (2, 3)], r"a \(2, 3\) does not fit b \(2, 3\)"),
        ("MatMul", [(), (2, 3)], "needs 1 or more axes"),
    ],
)
def test_matrices_that_do_not_fit_are_refused(operator: str, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        apply(operator, *(numbers(*shape) for shape in shapes))
