from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.graph.operators import ShapeError
from tests.graph.operators.apply import apply
from tests.support import numbers

same = np.testing.assert_array_equal
X = numbers(2, 3, 4, 5)


@pytest.mark.parametrize(
    ("shape", "result"),
    [((0, -1), (2, 60)), ((-1,), (120,)), ((0, 0, 20), (2, 3, 20)), ((4, 0, -1), (4, 3, 10)), ((1, 120), (1, 120))],
)
def test_reshape_copies_and_infers_sizes(shape: tuple[int, ...], result: tuple[int, ...]) -> None:
    same(apply("Reshape", X, shape=shape), X.reshape(result))


@pytest.mark.parametrize("shape", [(7, -1), (-1, -1), (2, 3), (-2, 60), (2, 3, 4, 5, 0), (2, 3, 4, 5, 0, -1)])
def test_reshape_refuses_another_number_of_elements(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"shape \(2, 3, 4, 5\) cannot become"):
        apply("Reshape", X, shape=shape)


@pytest.mark.parametrize("axis", [0, 1, 2, 4, -1])
def test_flatten_gives_two_axes(axis: int) -> None:
    same(apply("Flatten", X, axis=axis), X.reshape(int(np.prod(X.shape[:axis])), -1))


@given(st.permutations(range(4)))
def test_transpose_permutes_axes(perm: list[int]) -> None:
    same(apply("Transpose", X, perm=tuple(perm)), X.transpose(perm))


def test_axes_of_size_one_come_and_go() -> None:
    x = X[:, :1, :, :1]
    same(apply("Squeeze", x, axes=(1, -1)), x.squeeze((1, 3)))
    same(apply("Unsqueeze", X, axes=(0, -1)), X[None, ..., None])
    same(apply("Unsqueeze", X, axes=(-2, 1)), np.expand_dims(X, (1, 4)))


def test_onnx_examples_of_depth_to_space() -> None:
    x = (np.arange(8)[:, None] * 9 + np.arange(6)).reshape(1, 8, 2, 3).astype(np.float32)
    assert apply("DepthToSpace", x, blocksize=2, mode="DCR")[0].tolist() == [
        [[0, 18, 1, 19, 2, 20], [36, 54, 37, 55, 38, 56], [3, 21, 4, 22, 5, 23], [39, 57, 40, 58, 41, 59]],
        [[9, 27, 10, 28, 11, 29], [45, 63, 46, 64, 47, 65], [12, 30, 13, 31, 14, 32], [48, 66, 49, 67, 50, 68]],
    ]
    assert apply("DepthToSpace", x, blocksize=2, mode="CRD")[0].tolist() == [
        [[0, 9, 1, 10, 2, 11], [18, 27, 19, 28, 20, 29], [3, 12, 4, 13, 5, 14], [21, 30, 22, 31, 23, 32]],
        [[36, 45, 37, 46, 38, 47], [54, 63, 55, 64, 56, 65], [39, 48, 40, 49, 41, 50], [57, 66, 58, 67, 59, 68]],
    ]


def test_space_to_depth_undoes_depth_to_space() -> None:
    x = numbers(2, 8, 3, 5)
    same(apply("SpaceToDepth", apply("DepthToSpace", x, blocksize=2, mode="DCR"), blocksize=2), x)


@pytest.mark.parametrize(
    ("operator", "attributes", "message"),
    [
        ("Flatten", {"axis": 5}, "axis 5 is not one of 4 axes"),
        ("Transpose", {"perm": (0, 1, 2, 2)}, "no permutation"),
        ("Squeeze", {"axes": (1,)}, r"axes \(1,\) of \(2, 3, 4, 5\) are not all of size 1"),
        ("Unsqueeze", {"axes": (0, 0)}, "one twice"),
        ("DepthToSpace", {"blocksize": 2, "mode": "CRD"}, "blocks of 2"),
        ("SpaceToDepth", {"blocksize": 2}, "blocks of 2"),
    ],
)
def test_attributes_that_do_not_fit_are_refused(operator: str, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        apply(operator, X, **attributes)
