from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.graph.operators import ShapeError
from tests.graph.operators.apply import apply, close, examples
from tests.graph.operators.windows import Geometry, geometries
from tests.support import numbers

GROUPS = st.sampled_from([1, 2, 4])


def windows_of(x: np.ndarray, g: Geometry) -> np.ndarray:
    """Return every window, zero-padded: (N, C, *kernel, *output)."""
    y = np.zeros((*x.shape[:2], *g.kernel, *g.output))
    for place, window in g.windows():
        for offset in product(*(range(k) for k in g.kernel)):
            at = tuple(along[i] for along, i in zip(window, offset, strict=True))
            if all(0 <= i < size for i, size in zip(at, g.sizes, strict=True)):
                y[(slice(None), slice(None), *offset, *place)] = x[(..., *at)]
    return y


def convolution(x: np.ndarray, w: np.ndarray, g: Geometry, group: int) -> np.ndarray:
    n, channels = x.shape[:2]
    windows = windows_of(x, g).reshape(n, group, channels // group * int(np.prod(g.kernel)), -1)
    filters = w.reshape(group, w.shape[0] // group, -1).astype(np.float64)
    return np.einsum("ngkp,gok->ngop", windows, filters).reshape(n, w.shape[0], *g.output)


def transposed(x: np.ndarray, w: np.ndarray, g: Geometry, group: int, extra: tuple[int, ...]) -> np.ndarray:
    """Scatter each input place, times the kernel, into the output."""
    maps = w.shape[1] * group
    full = [
        (size - 1) * s + (k - 1) * d + 1 + more
        for size, s, k, d, more in zip(g.sizes, g.strides, g.kernel, g.dilations, extra, strict=True)
    ]
    y = np.zeros((x.shape[0], maps, *full))
    for place in np.ndindex(*g.sizes):
        for offset in np.ndindex(*g.kernel):
            at = tuple(p * s + o * d for p, s, o, d in zip(place, g.strides, offset, g.dilations, strict=True))
            for channel in range(x.shape[1]):
                first = channel // (x.shape[1] // group) * w.shape[1]
                value = x[(slice(None), channel, *place)][:, None] * w[(channel, slice(None), *offset)]
                y[(slice(None), slice(first, first + w.shape[1]), *at)] += value
    crop = (slice(begin, size - end) for begin, end, size in zip(g.begins, g.ends, full, strict=True))
    return y[(..., *crop)]


@examples
@given(geometries(ceil=False, dilated=True), GROUPS, st.booleans())
def test_conv_is_the_sum_of_each_window_times_the_kernel(g: Geometry, group: int, biased: bool) -> None:
    x, w = numbers(2, 4, *g.sizes), numbers(8, 4 // group, *g.kernel, seed=1)
    b = numbers(8, seed=2) if biased else None
    expected = convolution(x, w, g, group) + (0 if b is None else b[:, None, None])
    close(apply("Conv", x, w, b, **g.attributes, dilations=g.dilations, group=group), expected)


@pytest.mark.parametrize("axes", [1, 3])
@examples
@given(st.data())
def test_conv_works_over_one_and_three_axes(axes: int, data: st.DataObject) -> None:
    g = data.draw(geometries(axes=axes, ceil=False, dilated=True))
    x, w = numbers(1, 2, *g.sizes), numbers(4, 1, *g.kernel, seed=1)
    close(apply("Conv", x, w, **g.attributes, dilations=g.dilations, group=2), convolution(x, w, g, 2))


@pytest.mark.parametrize("axes", [1, 2, 3])
@examples
@given(st.data())
def test_conv_transpose_scatters_each_place(axes: int, data: st.DataObject) -> None:
    g = data.draw(geometries(axes=axes, ceil=False, dilated=True, symmetric=data.draw(st.booleans())))
    group = data.draw(st.sampled_from([1, 2]))
    extra = tuple(data.draw(st.integers(0, 2)) for _ in range(axes))
    x, w = numbers(1, 2, *g.sizes), numbers(2, 2, *g.kernel, seed=1)
    b = numbers(2 * group, seed=2)
    y = apply("ConvTranspose", x, w, b, **g.attributes, dilations=g.dilations, group=group, output_padding=extra)
    close(y, transposed(x, w, g, group, extra) + b.reshape(-1, *(1,) * axes))


def test_conv_transpose_takes_strides_that_onednn_crashes_on() -> None:
    x, w, stride = numbers(2, 4, 5, 6), numbers(4, 4, 3, 3, seed=1), 65536
    window = {"kernel_shape": (3, 3), "strides": (1, stride), "dilations": (1, 1), "pads": (0,) * 4}
    y = apply("ConvTranspose", x, w, **window, group=1, output_padding=(0, 0))
    assert y.shape == (2, 4, 7, 5 * stride + 3) and not y[..., 3:stride].any()
    apart = apply("ConvTranspose", x, w, **{**window, "strides": (1, 3)}, group=1, output_padding=(0, 0))
    close(y.reshape(-1, y.shape[-1])[:, stride : stride + 3], apart.reshape(-1, apart.shape[-1])[:, 3:6])


def test_conv_transpose_may_crop_all_that_its_windows_cover() -> None:
    x, w, b = numbers(1, 1, 1), numbers(1, 1, 1, seed=1), numbers(1, seed=2)
    ones = {"kernel_shape": (1,), "strides": (1,), "dilations": (1,)}
    y = apply("ConvTranspose", x, w, b, **ones, pads=(2, 0), group=1, output_padding=(2,))
    close(y, b.reshape(1, 1, 1))


@examples
@given(geometries(ceil=False))
def test_locally_connected_has_weights_for_each_place(g: Geometry) -> None:
    x, (height, width) = numbers(2, 3, *g.sizes), g.output
    w = numbers(height, width, 4, 3, *g.kernel, seed=1)
    b = numbers(4, height, width, seed=2)
    expected = np.einsum("nckluv,uvockl->nouv", windows_of(x, g), w.astype(np.float64)) + b
    close(apply("LocallyConnected", x, w, b, **g.attributes), expected)


@examples
@given(geometries(ceil=False, dilated=True))
def test_im2col_makes_channels_of_each_window(g: Geometry) -> None:
    x = numbers(2, 3, *g.sizes)
    expected = windows_of(x, g).reshape(2, -1, *g.output)
    close(apply("Im2Col", x, **g.attributes, dilations=g.dilations), expected, 0)


@pytest.mark.parametrize(
    ("w", "b", "changes", "message"),
    [
        ((8, 3, 2, 2), (8,), {}, r"w has shape \(8, 3, 2, 2\), not \(8, 4, 2, 2\)"),
        ((8, 4, 2, 2), (7,), {}, r"b has shape \(7,\), not \(8,\)"),
        ((8, 4, 2, 2), (8,), {"group": 3}, "3 groups"),
        ((8, 4, 2, 2), (8,), {"pads": (0, -1, 0, 0)}, "negative"),
        ((8, 4, 2, 2), (8,), {"dilations": (9, 1)}, "a window of 10"),
    ],
)
def test_weights_and_windows_that_do_not_fit_are_refused(
    w: tuple[int, ...], b: tuple[int, ...], changes: dict[str, object], message: str
) -> None:
    geometry = {"kernel_shape": (2, 2), "strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)}
    with pytest.raises(ShapeError, match=message):
        apply("Conv", numbers(1, 4, 5, 5), numbers(*w), numbers(*b), **{**geometry, **changes})
