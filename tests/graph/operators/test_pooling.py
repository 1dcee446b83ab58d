from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.graph.operators import MaxPool, ShapeError
from pipeline.graph.values import Value
from tests.graph.operators.apply import apply, close, examples
from tests.graph.operators.windows import Geometry, geometries
from tests.support import numbers

LOWEST = np.finfo(np.float32).min


def max_pool(x: np.ndarray, g: Geometry) -> np.ndarray:
    y = np.full((*x.shape[:2], *g.output), LOWEST)
    for place, window in g.windows():
        inside = g.inside(window)
        if all(inside):
            spatial = tuple(range(2, x.ndim))
            y[(..., *place)] = x[np.ix_(range(x.shape[0]), range(x.shape[1]), *inside)].max(spatial)
    return y


def sums_and_counts(x: np.ndarray, g: Geometry, padding: int) -> tuple[np.ndarray, np.ndarray]:
    """SpatialAveragePooling.c: the window is cut to the padding, counted, and then cut to the image."""
    sums, counts = np.zeros((*x.shape[:2], *g.output)), np.zeros(g.output)
    for place, window in g.windows():
        inside = g.inside(window)
        patch = x[np.ix_(range(x.shape[0]), range(x.shape[1]), *inside)]
        sums[(..., *place)] = patch.sum(tuple(range(2, x.ndim)), dtype=np.float64)
        padded = [
            [i for i in along if i < size + end] for along, size, end in zip(window, g.sizes, g.ends, strict=True)
        ]
        counts[place] = np.prod([len(along) for along in (padded if padding else inside)])
    return sums, counts


@examples
@given(geometries(dilated=True))
def test_max_pool_gives_the_largest_of_each_window(g: Geometry) -> None:
    x = numbers(2, 3, *g.sizes) - 5  # all negative: padding with 0 would show
    close(apply("MaxPool", x, **g.attributes, ceil_mode=g.ceil_mode, dilations=g.dilations), max_pool(x, g), 0)


@pytest.mark.parametrize("axes", [1, 3])
@examples
@given(st.data())
def test_max_pool_works_over_one_and_three_axes(axes: int, data: st.DataObject) -> None:
    g = data.draw(geometries(axes=axes, dilated=True))
    x = numbers(1, 2, *g.sizes)
    close(apply("MaxPool", x, **g.attributes, ceil_mode=g.ceil_mode, dilations=g.dilations), max_pool(x, g), 0)


def test_a_max_pool_window_that_lies_in_the_padding_is_the_lowest_float() -> None:
    x = np.ones((1, 1, 5), np.float32)
    y = apply("MaxPool", x, kernel_shape=(1,), strides=(3,), pads=(0, 3), dilations=(1,))
    assert y.tolist() == [[[1.0, 1.0, float(LOWEST)]]]


def test_negative_end_pads_of_max_pool_take_windows_away_and_no_pixels() -> None:
    x = np.arange(8, dtype=np.float32).reshape(1, 1, 8)
    geometry = {"kernel_shape": (3,), "strides": (2,), "dilations": (1,)}
    assert apply("MaxPool", x, pads=(0, -2), **geometry).tolist() == [[[2, 4]]]
    assert apply("MaxPool", x, pads=(0, -2), ceil_mode=1, **geometry).tolist() == [[[2, 4, 6]]]


def test_the_last_window_of_ceil_mode_starts_inside_the_image_or_the_padding_before_it() -> None:
    x = numbers(1, 1, 3)
    attributes = {"kernel_shape": (2,), "strides": (3,), "pads": (1, 1), "ceil_mode": 1}
    assert apply("MaxPool", x, **attributes, dilations=(1,)).shape == (1, 1, 2)
    attributes = {"kernel_shape": (1,), "strides": (2,), "pads": (0, 1), "ceil_mode": 1}
    assert apply("MaxPool", x, **attributes, dilations=(1,)).shape == (1, 1, 2)


@examples
@given(geometries(), st.integers(0, 1))
def test_average_pool_divides_by_the_places_it_counts(g: Geometry, padding: int) -> None:
    x = numbers(2, 3, *g.sizes)
    sums, counts = sums_and_counts(x, g, padding)
    y = apply("AveragePool", x, **g.attributes, ceil_mode=g.ceil_mode, count_include_pad=padding)
    close(y, sums / counts)


@pytest.mark.parametrize("axes", [1, 3])
@examples
@given(st.data())
def test_average_pool_works_over_one_and_three_axes(axes: int, data: st.DataObject) -> None:
    g = data.draw(geometries(axes=axes))
    x = numbers(1, 2, *g.sizes)
    sums, counts = sums_and_counts(x, g, 1)
    y = apply("AveragePool", x, **g.attributes, ceil_mode=g.ceil_mode, count_include_pad=1)
    close(y, sums / counts)


def test_average_pool_of_ones_gives_caffes_divisors() -> None:
    x = np.ones((1, 1, 3, 3), np.float32)
    window = {"kernel_shape": (3, 3), "strides": (1, 1), "pads": (1, 1, 1, 1)}
    y = apply("AveragePool", x, count_include_pad=1, **window)
    close(y[0, 0], np.array([[4, 6, 4], [6, 9, 6], [4, 6, 4]]) / 9)
    close(apply("AveragePool", x, **window), np.ones((1, 1, 3, 3)))


@examples
@given(geometries(ceil=False), st.integers(1, 3))
def test_lp_pool_gives_the_norm_of_each_window(g: Geometry, p: int) -> None:
    x = numbers(1, 2, *g.sizes)
    sums, _ = sums_and_counts(np.abs(x) ** p, g, 0)
    close(apply("LpPool", x, **g.attributes, p=p), sums ** (1 / p))


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 5), (2, 3, 2, 4, 5)])
def test_global_pools_reduce_every_spatial_axis(shape: tuple[int, ...]) -> None:
    x = numbers(*shape)
    flat = x.reshape(2, 3, -1)
    close(apply("GlobalAveragePool", x).reshape(2, 3), flat.mean(2))
    close(apply("GlobalMaxPool", x).reshape(2, 3), flat.max(2))


def roi_pool(x: np.ndarray, rois: np.ndarray, height: int, width: int, scale: float) -> np.ndarray:
    """Fast R-CNN's roi_pooling_layer.cpp, line by line."""
    y = np.zeros((len(rois), x.shape[1], height, width), np.float32)
    for region, (image, *corners) in enumerate(rois):
        x1, y1, x2, y2 = (int(np.copysign(np.floor(abs(c * scale) + 0.5), c)) for c in corners)
        bin_h = np.float32(max(y2 - y1 + 1, 1)) / np.float32(height)
        bin_w = np.float32(max(x2 - x1 + 1, 1)) / np.float32(width)
        for i, j in np.ndindex(height, width):
            top, bottom = (
                min(max(int(v) + y1, 0), x.shape[2]) for v in (np.floor(i * bin_h), np.ceil((i + 1) * bin_h))
            )
            left, right = (
                min(max(int(v) + x1, 0), x.shape[3]) for v in (np.floor(j * bin_w), np.ceil((j + 1) * bin_w))
            )
            if top < bottom and left < right:
                y[region, :, i, j] = x[int(image), :, top:bottom, left:right].max((1, 2))
    return y


def test_max_roi_pool_takes_the_largest_of_each_bin() -> None:
    x = numbers(2, 3, 9, 11)
    random = np.random.default_rng(1)
    rois = random.uniform(-4, 24, (20, 5)).astype(np.float32)
    rois[:, 0] = random.integers(0, 2, 20)
    y = apply("MaxRoiPool", x, rois, pooled_shape=(3, 2), spatial_scale=0.5)
    close(y, roi_pool(x, rois, 3, 2, 0.5), 0)
    assert (y == 0).any()  # some bin is empty


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"kernel_shape": (9, 9)}, "a window of 9 does not fit an axis of 5"),
        ({"kernel_shape": (2,), "strides": (1,), "pads": (0, 0), "dilations": (1,)}, r"\(1, 2, 5, 5\)"),
        ({"strides": (0, 1)}, "too small"),
        ({"pads": (0, 0)}, "2 numbers, not 4"),
        ({"pads": (-1, 0, 0, 0)}, "begin inside"),
        ({"pads": (0, 0, -6, 0)}, "leave nothing"),
    ],
)
def test_windows_that_do_not_fit_are_refused(attributes: dict[str, tuple[int, ...]], message: str) -> None:
    geometry = {"kernel_shape": (2, 2), "strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)}
    with pytest.raises(ShapeError, match=message):
        MaxPool.of({**geometry, **attributes}).infer(Value("x", (1, 2, 5, 5)))


def test_average_pool_refuses_negative_pads() -> None:
    with pytest.raises(ShapeError, match="negative"):
        apply("AveragePool", numbers(1, 1, 5), kernel_shape=(2,), strides=(1,), pads=(0, -1))
