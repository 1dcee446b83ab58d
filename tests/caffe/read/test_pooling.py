"""Pooling against a plain transcription of its definition, window by window."""

import itertools
import math

import numpy as np
import pytest

from pipeline.errors import InvalidInputError, UnsupportedError
from tests.caffe.forks import FORKS
from tests.caffe.read.nets import layer, result
from tests.support import numbers, operators

LOWEST = np.finfo(np.float32).min


def windows(size, kernel, stride, pad, clip, floor=False):
    """Give, for each window of an axis, where it begins and ends in the image, and how many places it counts."""
    count = int((math.floor if floor else math.ceil)((size + 2 * pad - kernel) / stride)) + 1
    if clip and (count - 1) * stride >= size + pad:
        count -= 1
    for index in range(count):
        start = index * stride - pad
        end = min(start + kernel, size + pad)
        yield max(start, 0), min(end, size), end - start


def pooled(x, method, kernel, stride, pad, floor=False):
    clip = any(pad)
    rows = list(windows(x.shape[2], kernel[0], stride[0], pad[0], clip, floor))
    columns = list(windows(x.shape[3], kernel[1], stride[1], pad[1], clip, floor))
    y = np.empty((*x.shape[:2], len(rows), len(columns)), np.float32)
    for (i, (top, bottom, height)), (j, (left, right, width)) in itertools.product(enumerate(rows), enumerate(columns)):
        part = x[:, :, top:bottom, left:right]
        if method == "MAX":
            y[:, :, i, j] = part.max((2, 3), initial=LOWEST)
        else:
            y[:, :, i, j] = part.sum((2, 3)) / (height * width) if height * width > 0 else np.nan
    return y


def check(x, method, kernel, stride, pad, extra="", floor=False):
    expected = pooled(x, method, kernel, stride, pad, floor)
    param = (
        f"pooling_param {{ pool: {method} kernel_h: {kernel[0]} kernel_w: {kernel[1]} stride_h: {stride[0]}"
        f" stride_w: {stride[1]} pad_h: {pad[0]} pad_w: {pad[1]} {extra} }}"
    )
    if method == "AVE" and not np.isfinite(expected).all():
        with pytest.raises(UnsupportedError, match="1 part"):
            layer("Pooling", "x", param=param, x=x.shape)
        return
    y = result(layer("Pooling", "x", param=param, x=x.shape), x)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_pooling_of_every_size_stride_and_pad(method, kernel):
    for stride, pad in itertools.product((1, 2, 3, 4), range(kernel)):
        for size in range(max(1, kernel - 2 * pad), 12):
            check(numbers(1, 2, size, size), method, (kernel, kernel), (stride, stride), (pad, pad))


@pytest.mark.parametrize("method", ["MAX", "AVE"])
def test_a_pad_on_one_axis_cuts_off_windows_on_both(method):
    for height, width in itertools.product((5, 6, 7), (5, 6, 7)):
        check(numbers(2, 1, height, width), method, (2, 1), (2, 3), (1, 0))
        check(numbers(2, 1, height, width), method, (3, 2), (3, 3), (0, 1))


@pytest.mark.parametrize("extra", ["round_mode: FLOOR", "torch_pooling: true", "ceil_mode: false"])
@pytest.mark.parametrize("method", ["MAX", "AVE"])
def test_sizes_are_rounded_down_where_a_fork_says_so(method, extra):
    for size, pad in itertools.product((5, 6, 7, 8), (0, 1)):
        check(numbers(1, 2, size, size), method, (3, 3), (2, 2), (pad, pad), extra, floor=True)


def test_ceil_mode_is_set_only_where_it_matters():
    param = "pooling_param { kernel_size: 2 stride: 2 }"
    even, odd = (layer("Pooling", "x", param=param, x=(1, 1, size, size)).nodes[0] for size in (8, 7))
    assert (even.operator.ceil_mode, odd.operator.ceil_mode) == (0, 1)


def test_a_window_behind_the_image_gives_the_lowest_number():
    x = numbers(1, 1, 2, 2)
    y = result(layer("Pooling", "x", param="pooling_param { kernel_size: 1 stride: 2 }", x=x.shape), x)
    np.testing.assert_array_equal(y, [[[[x[0, 0, 0, 0], LOWEST], [LOWEST, LOWEST]]]])


def test_global_pooling_takes_the_whole_image():
    x = numbers(2, 3, 4, 5)
    for method, reduce in (("MAX", np.max), ("AVE", np.mean)):
        graph = layer("Pooling", "x", param=f"pooling_param {{ pool: {method} global_pooling: true }}", x=x.shape)
        np.testing.assert_allclose(result(graph, x), reduce(x, (2, 3), keepdims=True), rtol=1e-5)


@pytest.mark.parametrize(
    ("fields", "shape"),
    [
        ("", (1, 1, 4, 4)),
        ("kernel_size: 2", (1, 1, 4)),
        ("kernel_size: 2", (1, 1, 4, 4, 4, 4)),
        ("kernel_size: 2 kernel_h: 2 kernel_w: 2", (1, 1, 4, 4)),
        ("kernel_h: 2", (1, 1, 4, 4)),
        ("kernel_size: 2 pad: 2", (1, 1, 4, 4)),
        ("kernel_size: 2 stride: 0", (1, 1, 4, 4)),
        ("kernel_size: 9", (1, 1, 4, 4)),
        ("global_pooling: true kernel_size: 4", (1, 1, 4, 4)),
        ("global_pooling: true stride: 2", (1, 1, 4, 4)),
    ],
)
def test_what_caffe_does_not_take_is_an_error_of_the_file(fields, shape):
    with pytest.raises(InvalidInputError) as error:
        layer("Pooling", "x", param=f"pooling_param {{ {fields} }}", x=shape)
    assert error.value.where == "y (Pooling)"


@pytest.mark.parametrize("fields", ["kernel_size: 2", "global_pooling: true"])
def test_stochastic_pooling_is_refused(fields):
    with pytest.raises(UnsupportedError):
        layer("Pooling", "x", param=f"pooling_param {{ pool: STOCHASTIC {fields} }}", x=(1, 1, 4, 4))


def test_the_mask_of_a_maximum_is_refused():
    with pytest.raises(UnsupportedError) as error:
        layer("Pooling", "x", tops=("y", "mask"), param="pooling_param { kernel_size: 2 }", x=(1, 1, 4, 4))
    assert "second top" in error.value.problems[0].reason


def test_pooling_over_time_height_and_width():
    x = numbers(1, 2, 5, 4, 4)
    param = "pooling3d_param { pool: MAX kernel_size: 2 kernel_depth: 1 stride: 2 temporal_stride: 1 }"
    y = result(layer("Pooling3D", "x", param=param, x=x.shape), x)
    np.testing.assert_array_equal(y, x.reshape(1, 2, 5, 2, 2, 2, 2).max((4, 6)))


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("height", [1, 2, 3])
def test_a_spatial_pyramid_is_pooling_into_bins_of_each_level(method, height):
    x = numbers(2, 3, 7, 6)
    levels = []
    for level in range(height):
        bins = 2**level
        kernel = tuple(math.ceil(size / bins) for size in x.shape[2:])
        pad = tuple((k * bins - size + 1) // 2 for k, size in zip(kernel, x.shape[2:], strict=True))
        levels.append(pooled(x, method, kernel, kernel, pad))
    expected = levels[0] if height == 1 else np.concatenate([level.reshape(2, -1) for level in levels], 1)
    graph = layer("SPP", "x", param=f"spp_param {{ pyramid_height: {height} pool: {method} }}", x=x.shape)
    np.testing.assert_allclose(result(graph, x), expected, rtol=1e-5, atol=1e-6)


def test_a_pyramid_with_more_bins_than_places_is_an_error_of_the_file():
    with pytest.raises(InvalidInputError):
        layer("SPP", "x", param="spp_param { pyramid_height: 4000000000 }", x=(1, 1, 5, 5))


def test_regions_are_divided_into_a_grid():
    x = np.arange(2 * 4 * 4, dtype=np.float32).reshape(1, 2, 4, 4)
    rois = np.array([[0, 0, 0, 3, 3], [0, 2, 2, 3, 3]], np.float32)
    param = "roi_pooling_param { pooled_h: 2 pooled_w: 2 spatial_scale: 1 }"
    y = result(layer("ROIPooling", "x", "r", param=param, x=x.shape, r=rois.shape), x, rois)
    np.testing.assert_array_equal(y[:, 0], [[[5, 7], [13, 15]], [[10, 11], [14, 15]]])
    graph = layer("ROIPooling", "x", "r", param=param, x=x.shape, r=(2, 5, 1, 1))
    assert operators(graph) == ["Reshape", "MaxRoiPool"]


@pytest.mark.parametrize("method", ["MAX", "AVE"])
def test_three_axes_are_pooled_as_in_3d_caffe(method):
    x = numbers(1, 2, 5, 6, 7)
    param = f"pool: {method} kernel_size: 3 stride: 2 pad: 1"
    graph = layer("Pooling", "x", param=f"pooling_param {{ {param} }}", x=x.shape)
    fields = {"pool": method, "kernel_size": 3, "stride": 2, "pad": 1}
    (expected,) = FORKS["Pooling"].run({"pooling_param": fields}, [x], [], 1)
    np.testing.assert_allclose(result(graph, x), expected, rtol=1e-5, atol=1e-6)
