from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.graph.operators import ShapeError
from tests.graph.operators.apply import apply, apply_all, examples
from tests.support import numbers

same = np.testing.assert_array_equal
X = numbers(2, 3, 4, 5)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concat_joins_what_split_takes_apart(axis: int) -> None:
    size = X.shape[axis]
    pieces = apply_all("Split", X, split=(1, size - 1), axis=axis)
    for piece, expected in zip(pieces, np.split(X, [1], axis), strict=True):
        same(piece, expected)
    same(apply("Concat", *pieces, axis=axis), X)


def test_onnx_example_of_split() -> None:
    x = np.arange(1, 7, dtype=np.float32)
    assert [y.tolist() for y in apply_all("Split", x, split=(2, 4))] == [[1, 2], [3, 4, 5, 6]]


def test_onnx_example_of_slice() -> None:
    x = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)
    assert apply("Slice", x, starts=(0, 1), ends=(-1, 1000), axes=(0, 1)).tolist() == [[2, 3, 4]]


@examples
@given(st.lists(st.integers(-2, 3), min_size=1, unique_by=lambda axis: axis % 4), st.data())
def test_slice_follows_python(axes: list[int], data: st.DataObject) -> None:
    bounds = [
        (data.draw(st.integers(-7, 7)), data.draw(st.integers(-7, 7) | st.sampled_from([2**62, -(2**62)])))
        for _ in axes
    ]
    slices = [slice(None)] * 4
    for axis, (start, end) in zip(axes, bounds, strict=True):
        slices[axis] = slice(start, end)
    starts, ends = zip(*bounds, strict=True)
    same(apply("Slice", X, starts=starts, ends=ends, axes=tuple(axes)), X[tuple(slices)])


def test_expand_broadcasts_both_ways() -> None:
    x = numbers(3, 1)
    same(apply("Expand", x, shape=(2, 1, 4)), np.broadcast_to(x, (2, 3, 4)))
    same(apply("Expand", x, shape=(1,)), x)


def test_tile_repeats_each_axis() -> None:
    same(apply("Tile", X, repeats=(1, 2, 3, 1)), np.tile(X, (1, 2, 3, 1)))


@examples
@given(st.lists(st.integers(0, 4), min_size=8, max_size=8), st.sampled_from(["constant", "edge", "reflect"]))
def test_pad_follows_numpy(pads: list[int], mode: str) -> None:
    widths = list(zip(pads[:4], pads[4:], strict=True))
    fill = {"constant_values": 1.5} if mode == "constant" else {}
    expected = np.pad(X, widths, mode=mode, **fill)  # type: ignore[call-overload]
    same(apply("Pad", X, pads=tuple(pads), mode=mode, value=1.5), expected)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
def test_negative_pads_crop(mode: str) -> None:
    same(apply("Pad", X, pads=(0, 0, -1, 0, 0, -1, 0, -2), mode=mode), X[:, :2, 1:, :3])


def test_onnx_examples_of_pad() -> None:
    x = np.array([[1.0, 1.2], [2.3, 3.4], [4.5, 5.7]], np.float32)
    pads = (0, 2, 0, 0)
    same(apply("Pad", x, pads=pads), np.hstack([np.zeros((3, 2), np.float32), x]))
    same(apply("Pad", x, pads=pads, mode="reflect"), np.hstack([x, x]))
    same(apply("Pad", x, pads=pads, mode="edge"), x[:, [0, 0, 0, 1]])


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather_takes_slices_by_index(axis: int) -> None:
    indices = np.array([[0, 1], [1, 0], [0, 0]])
    same(apply("Gather", X, indices, axis=axis), X.take(indices, axis))


def test_one_hot_is_all_zero_for_an_index_outside() -> None:
    assert apply("OneHot", np.array([2, 3, -1]), depth=3).tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("operator", "attributes", "message"),
    [
        ("Split", {"split": (1, 1), "axis": 1}, r"axis 1 of \(2, 3, 4, 5\) does not split into \(1, 1\)"),
        ("Split", {"split": (-1, 4), "axis": 1}, "does not split"),
        ("Slice", {"starts": (0,), "ends": (1, 2), "axes": (0,)}, "not equally many"),
        ("Slice", {"starts": (0, 0), "ends": (1, 1), "axes": (0, -4)}, "one twice"),
        ("Expand", {"shape": (2, 2, 4, 5)}, "cannot be broadcast"),
        ("Tile", {"repeats": (1, 2)}, "do not fit"),
        ("Pad", {"pads": (0, 1)}, "do not fit"),
        ("Pad", {"pads": (0, 0, -3, 0, 0, 0, -2, 0)}, "too small"),
        ("Pad", {"pads": (0,) * 8, "mode": "wrap"}, "'wrap'"),
    ],
)
def test_attributes_that_do_not_fit_are_refused(operator: str, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        apply(operator, X, **attributes)


def test_concat_refuses_shapes_that_differ_elsewhere() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 3\), \(2, 3, 1\) differ in more than axis 1"):
        apply("Concat", numbers(2, 3), numbers(2, 3, 1), axis=1)
    with pytest.raises(ShapeError, match=r"differ in more than axis 1"):
        apply("Concat", numbers(2, 3), numbers(3, 3), axis=1)
    with pytest.raises(ShapeError, match="one or more"):
        apply("Concat", axis=1)
