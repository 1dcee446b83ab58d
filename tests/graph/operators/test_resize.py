from __future__ import annotations

from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.graph.operators import ShapeError
from tests.graph.operators.apply import apply, close, examples
from tests.support import numbers


def at(x: np.ndarray, place: tuple[float, ...], mode: str) -> float:
    """Return the number at a real-valued place, by the definition of (multi-)linear interpolation."""
    if not place:
        return float(x)
    low = floor(place[0])
    if mode == "nearest":
        return at(x[low], place[1:], mode)
    high = min(low + 1, len(x) - 1)
    part = place[0] - low
    return (1 - part) * at(x[low], place[1:], mode) + part * at(x[high], place[1:], mode)


@examples
@given(
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from(["nearest", "linear"]),
    st.sampled_from(["asymmetric", "align_corners"]),
)
def test_resize_to_sizes_looks_up_each_place(
    old: tuple[int, int], new: tuple[int, int], mode: str, coordinates: str
) -> None:
    x = numbers(1, 2, *old)
    y = apply("Resize", x, sizes=(1, 2, *new), mode=mode, coordinate_transformation_mode=coordinates)
    for i, j in np.ndindex(*new):
        if coordinates == "align_corners":
            place = tuple(k * (o - 1) / max(n - 1, 1) for k, o, n in zip((i, j), old, new, strict=True))
        else:
            place = tuple(min(k * o / n, o - 1) for k, o, n in zip((i, j), old, new, strict=True))
        for channel in range(2):
            assert y[0, channel, i, j] == pytest.approx(at(x[0, channel], place, mode), abs=1e-5)


def test_nearest_with_whole_scales_repeats() -> None:
    x = numbers(2, 3, 4, 5)
    y = apply("Resize", x, scales=(1, 1, 2, 3))
    np.testing.assert_array_equal(y, x.repeat(2, 2).repeat(3, 3))


def test_a_scale_that_is_not_whole_gives_the_floor_of_the_size() -> None:
    x = np.arange(5, dtype=np.float32)
    assert apply("Resize", x, scales=(1.5,)).tolist() == [0, 0, 1, 2, 2, 3, 4]
    assert apply("Resize", x, scales=(0.5,)).tolist() == [0, 2]


def test_onnx_examples_of_align_corners() -> None:
    square = np.array([[[[1, 2], [3, 4]]]], np.float32)
    corners = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    larger = apply("Resize", square, scales=(1, 1, 2, 2), **corners)
    close(
        larger[0, 0],
        np.array(
            [
                [1.0, 1.33333333, 1.66666667, 2.0],
                [1.66666667, 2.0, 2.33333333, 2.66666667],
                [2.33333333, 2.66666667, 3.0, 3.33333333],
                [3.0, 3.33333333, 3.66666667, 4.0],
            ]
        ),
    )
    wide = np.arange(1, 9, dtype=np.float32).reshape(1, 1, 2, 4)
    close(apply("Resize", wide, scales=(1, 1, 0.6, 0.6), **corners), np.array([[[[1.0, 4.0]]]]))


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"scales": (2.0,)},
        {"scales": (1.0, 0.0)},
        {"scales": (1.0, 0.1)},
        {"scales": (1.0, float("inf"))},
        {"scales": (1.0, float("nan"))},
        {"sizes": (2, -1)},
        {"sizes": (2, 3), "mode": "cubic"},
        {"sizes": (2, 3), "coordinate_transformation_mode": "half_pixel"},
    ],
)
def test_sizes_and_modes_that_do_not_fit_are_refused(attributes: dict[str, object]) -> None:
    with pytest.raises(ShapeError):
        apply("Resize", numbers(2, 3), **attributes)
