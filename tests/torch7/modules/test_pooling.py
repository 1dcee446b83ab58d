from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UnsupportedError, UsageError
from tests.support import numbers
from tests.torch7.fixtures import check, check_fixture, fixtures, results
from tests.torch7.writer import nn


@pytest.mark.parametrize("name", fixtures("pooling"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


def thnn_windows(size, kernel, stride, pad, ceil, clip):
    """Count windows and give their bounds, as THNN and cudnn do; bounds may leave the image."""
    span = (size + 2 * pad - kernel) / stride
    count = int(np.ceil(span) if ceil else np.floor(span)) + 1
    if clip and (count - 1) * stride >= size + pad:
        count -= 1
    return [(i * stride - pad, i * stride - pad + kernel) for i in range(count)]


def pooled(x, geometry, reduce, ceil, clip):
    """Reduce every window of an image (H, W); `reduce` is given the pixels and the bounds of the window."""
    (kh, sh, ph), (kw, sw, pw) = geometry
    rows = thnn_windows(x.shape[0], kh, sh, ph, ceil, clip)
    columns = thnn_windows(x.shape[1], kw, sw, pw, ceil, clip)
    return np.array(
        [[reduce(x[max(t, 0) : b, :][:, max(le, 0) : r], (t, b), (le, r)) for le, r in columns] for t, b in rows]
    )


def axis(draw):
    kernel = draw(st.integers(1, 4))
    return kernel, draw(st.integers(1, 4)), draw(st.integers(0, kernel // 2)), draw(st.integers(kernel, 9))


def module(kind, vertical, horizontal, **fields):
    (kh, sh, ph, _), (kw, sw, pw, _) = vertical, horizontal
    return nn(kind, kH=kh, dH=sh, padH=ph, kW=kw, dW=sw, padW=pw, **fields)


def largest(window, _rows, _columns):
    return window.max() if window.size else np.finfo(np.float32).min


@given(st.data(), st.booleans(), st.sampled_from(["nn", "cudnn", "inn"]))
def test_max_pooling_has_torchs_windows(data, ceil, package):
    vertical, horizontal = axis(data.draw), axis(data.draw)
    x = numbers(1, 1, vertical[3], horizontal[3])
    padded = bool(vertical[2] or horizontal[2])
    clip = padded and package != "cudnn"
    expected = pooled(x[0, 0], (vertical[:3], horizontal[:3]), largest, ceil or package == "inn", clip)
    pooling = module(f"{package}.SpatialMaxPooling", vertical, horizontal, ceil_mode=ceil)
    check(pooling, x, expected=expected[None, None])


@given(st.data(), st.booleans(), st.booleans(), st.booleans())
def test_average_pooling_divides_by_torchs_places(data, ceil, include, divide):
    vertical, horizontal = axis(data.draw), axis(data.draw)
    x = numbers(1, 1, vertical[3], horizontal[3])
    (kh, _, ph, height), (kw, _, pw, width) = vertical, horizontal
    clip = bool(ph or pw)

    def mean(window, rows, columns):
        inside = (min(rows[1], height + ph) - rows[0]) * (min(columns[1], width + pw) - columns[0])
        places = inside if include else window.size
        return window.sum() / places * (1 if divide else kh * kw)

    sizes = ((height, vertical), (width, horizontal))
    starts = [thnn_windows(size, k, s, p, ceil, clip)[-1][0] for size, (k, s, p, _) in sizes]
    pooling = module(
        "SpatialAveragePooling", vertical, horizontal, ceil_mode=ceil, count_include_pad=include, divide=divide
    )
    if starts[0] >= height or starts[1] >= width:
        with pytest.raises(UnsupportedError):
            results(pooling, x)
        return
    check(pooling, x, expected=pooled(x[0, 0], (vertical[:3], horizontal[:3]), mean, ceil, clip)[None, None])


@given(st.data(), st.booleans())
def test_cudnns_average_pooling_divides_by_the_whole_window(data, ceil):
    vertical, horizontal = axis(data.draw), axis(data.draw)
    x = numbers(1, 1, vertical[3], horizontal[3])
    area = vertical[0] * horizontal[0]
    expected = pooled(x[0, 0], (vertical[:3], horizontal[:3]), lambda w, *_: w.sum() / area, ceil, clip=False)
    check(module("cudnn.SpatialAveragePooling", vertical, horizontal, ceil_mode=ceil), x, expected=expected[None, None])


def test_an_image_smaller_than_the_window_does_not_fit():
    with pytest.raises(UsageError, match="an image of at least 5x5"):
        results(nn("SpatialMaxPooling", kW=5, kH=5, dW=1, dH=1), numbers(1, 1, 3, 3))
