"""Convolutions against their definition, place by place."""

import itertools

import numpy as np
import pytest

from pipeline.caffe.read import read
from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.graph.evaluation import run
from tests.caffe.read.nets import inputs, layer, net, result
from tests.support import numbers, operators


def convolved(x, w, b, stride, pad, dilation, group):
    """Correlate x (N, C, ...) with w (M, C / group, ...)."""
    axes = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in pad)])
    spans = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    sizes = [(n - span) // s + 1 for n, span, s in zip(x.shape[2:], spans, stride, strict=True)]
    y = np.zeros((x.shape[0], w.shape[0], *sizes), np.float64)
    per, maps = x.shape[1] // group, w.shape[0] // group
    for place in itertools.product(*map(range, sizes)):
        cut = tuple(
            slice(at * s, at * s + span, d) for at, s, span, d in zip(place, stride, spans, dilation, strict=True)
        )
        for g in range(group):
            patch = x[(slice(None), slice(g * per, (g + 1) * per), *cut)]
            kernels = w[g * maps : (g + 1) * maps]
            y[(slice(None), slice(g * maps, (g + 1) * maps), *place)] = np.tensordot(
                patch, kernels, (range(1, axes + 2), range(1, axes + 2))
            )
    return y + (0 if b is None else b.reshape(-1, *(1,) * axes))


def deconvolved(x, w, b, stride, pad, dilation, group):
    """Add w (C, M / group, ...) times each number of x to where its window lies."""
    axes = x.ndim - 2
    spans = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    full = [s * (n - 1) + span for s, n, span in zip(stride, x.shape[2:], spans, strict=True)]
    y = np.zeros((x.shape[0], w.shape[1] * group, *full), np.float64)
    per, maps = x.shape[1] // group, w.shape[1]
    for place in itertools.product(*map(range, x.shape[2:])):
        cut = tuple(
            slice(at * s, at * s + span, d) for at, s, span, d in zip(place, stride, spans, dilation, strict=True)
        )
        for g in range(group):
            own = x[(slice(None), slice(g * per, (g + 1) * per), *place)]
            y[(slice(None), slice(g * maps, (g + 1) * maps), *cut)] += np.tensordot(own, w[g * per : (g + 1) * per], 1)
    y = y[(slice(None), slice(None), *(slice(p, n - p) for p, n in zip(pad, full, strict=True)))]
    return y + (0 if b is None else b.reshape(-1, *(1,) * axes))


def text(kernel, stride, pad, dilation, group, outputs, bias):
    """Write a ConvolutionParameter with a number an axis."""
    lists = {"kernel_size": kernel, "stride": stride, "pad": pad, "dilation": dilation}
    fields = " ".join(f"{name}: {list(numbers_)}" for name, numbers_ in lists.items())
    return f"convolution_param {{ num_output: {outputs} group: {group} bias_term: {str(bias).lower()} {fields} }}"


GEOMETRIES = [
    # kernel, stride, pad, dilation, sizes
    ((3,), (1,), (0,), (1,), (8,)),
    ((3,), (2,), (1,), (2,), (9,)),
    ((3, 2), (1, 2), (1, 0), (1, 1), (7, 6)),
    ((2, 3), (3, 1), (0, 2), (2, 1), (8, 7)),
    ((2, 1, 3), (1, 2, 1), (0, 0, 1), (1, 1, 1), (4, 5, 4)),
    ((1, 2, 2), (1, 1, 2), (0, 1, 0), (1, 2, 1), (3, 4, 5)),
]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize(("kernel", "stride", "pad", "dilation", "sizes"), GEOMETRIES)
def test_convolution_over_one_two_and_three_axes(kernel, stride, pad, dilation, sizes, group, bias):
    x, w = numbers(2, 4, *sizes), numbers(6, 4 // group, *kernel, seed=1)
    b = numbers(6, seed=2) if bias else None
    param = text(kernel, stride, pad, dilation, group, 6, bias)
    graph = layer("Convolution", "x", param=param, blobs=[w, b][: 1 + bias], x=x.shape)
    expected = convolved(x, w, b, stride, pad, dilation, group)
    np.testing.assert_allclose(result(graph, x), expected, rtol=1e-4, atol=1e-5)
    assert operators(graph) == ["Conv"]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize(("kernel", "stride", "pad", "dilation", "sizes"), GEOMETRIES)
def test_deconvolution_over_one_two_and_three_axes(kernel, stride, pad, dilation, sizes, group, bias):
    x, w = numbers(2, 4, *sizes), numbers(4, 6 // group, *kernel, seed=1)
    b = numbers(6, seed=2) if bias else None
    param = text(kernel, stride, pad, dilation, group, 6, bias)
    graph = layer("Deconvolution", "x", param=param, blobs=[w, b][: 1 + bias], x=x.shape)
    expected = deconvolved(x, w, b, stride, pad, dilation, group)
    np.testing.assert_allclose(result(graph, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("axis", "shape"), [(0, (4, 5, 6)), (2, (2, 3, 4, 5)), (-2, (2, 3, 4, 5)), (3, (2, 3, 2, 4, 5))]
)
def test_axes_before_the_channels_are_all_items(axis, shape):
    x, channels = numbers(*shape), shape[axis]
    axis %= len(shape)
    kernel = (2,) * (len(shape) - axis - 1)
    w, ones, zeros = numbers(3, channels, *kernel, seed=1), (1,) * len(kernel), (0,) * len(kernel)
    param = f"convolution_param {{ axis: {axis} num_output: 3 kernel_size: 2 bias_term: false }}"
    graph = layer("Convolution", "x", param=param, blobs=[w], x=shape)
    items = x.reshape(-1, *shape[axis:])
    expected = convolved(items, w, None, ones, zeros, ones, 1)
    assert graph.outputs[0].shape == (*shape[:axis], *expected.shape[1:])
    np.testing.assert_allclose(result(graph, x).reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("group", [1, 2])
def test_channels_without_places_are_multiplied(group):
    x, w, b = numbers(3, 4), numbers(2, 4 // group, seed=1), numbers(2, seed=2)
    param = f"convolution_param {{ num_output: 2 kernel_size: 1 group: {group} }}"
    graph = layer("Convolution", "x", param=param, blobs=[w, b], x=x.shape)
    halves = [part @ rows.T for part, rows in zip(np.split(x, group, 1), np.split(w, group), strict=True)]
    np.testing.assert_allclose(result(graph, x), np.concatenate(halves, 1) + b, rtol=1e-5)


def test_height_and_width_have_fields_of_their_own():
    x, w = numbers(1, 2, 7, 8), numbers(3, 2, 3, 2, seed=1)
    param = (
        "convolution_param { num_output: 3 bias_term: false kernel_h: 3 kernel_w: 2 stride_h: 2 stride_w: 3"
        " pad_h: 1 pad_w: 0 dilation: 2 }"
    )
    graph = layer("Convolution", "x", param=param, blobs=[w], x=x.shape)
    expected = convolved(x, w, None, (2, 3), (1, 0), (2, 2), 1)
    np.testing.assert_allclose(result(graph, x), expected, rtol=1e-4, atol=1e-5)


def test_several_bottoms_go_through_the_same_weights():
    wires = 'bottom: "a" bottom: "b" top: "u" top: "v"'
    conv = f'layer {{ name: "c" type: "Convolution" {wires} convolution_param {{ num_output: 2 kernel_size: 1 }} }}'
    weights = [numbers(2, 3, 1, 1), numbers(2)]
    graph = read(net(inputs(a=(1, 3, 2, 2), b=(1, 3, 2, 2)) + conv, {"c": weights}))
    feeds = [numbers(1, 3, 2, 2, seed=seed) for seed in (1, 2)]
    for y, x in zip(run(graph, feeds), feeds, strict=True):
        expected = convolved(x, *weights, (1, 1), (0, 0), (1, 1), 1)
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    assert len(graph.weights) == 2


@pytest.mark.parametrize("kind", ["DepthwiseConvolution", "ConvolutionDepthwise"])
def test_forks_that_name_depthwise_convolutions_mean_groups(kind):
    param = "convolution_param { num_output: 4 group: 4 kernel_size: 3 bias_term: false }"
    graph = layer(kind, "x", param=param, blobs=[numbers(4, 1, 3, 3)], x=(1, 4, 5, 5))
    assert graph.nodes[0].operator.group == 4


def test_a_convolution_over_time_height_and_width():
    x, w, b = numbers(1, 2, 5, 6, 6), numbers(3, 2, 3, 2, 2, seed=1), numbers(3, seed=2)
    param = (
        "convolution3d_param { num_output: 3 kernel_size: 2 kernel_depth: 3 stride: 2 temporal_stride: 1"
        " pad: 0 temporal_pad: 1 }"
    )
    graph = layer("Convolution3D", "x", param=param, blobs=[w, b], x=x.shape)
    expected = convolved(x, w, b, (1, 2, 2), (1, 0, 0), (1, 1, 1), 1)
    np.testing.assert_allclose(result(graph, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("size", "pad", "beyond"), [(3, 0, 1), (2, 0, 2), (1, 1, 1)])
def test_a_window_that_reaches_less_than_a_stride_beyond_a_map_finds_zeros(size, pad, beyond):
    x, w = numbers(1, 2, size, size), numbers(3, 2, 4, 4, seed=1)
    param = f"convolution_param {{ num_output: 3 kernel_size: 4 stride: 3 pad: {pad} bias_term: false }}"
    graph = layer("Convolution", "x", param=param, blobs=[w], x=x.shape)
    wide = np.pad(x, [(0, 0), (0, 0), *[(pad, pad + beyond)] * 2])
    np.testing.assert_allclose(result(graph, x), convolved(wide, w, None, (1, 1), (0, 0), (1, 1), 1), rtol=1e-4)
    with pytest.raises(InvalidInputError):
        layer("Convolution", "x", param=param.replace("stride: 3", f"stride: {beyond}"), blobs=[w], x=x.shape)


def test_columns_hold_every_window():
    x = numbers(2, 3, 5, 4)
    param = "convolution_param { kernel_size: 2 stride: 2 pad: 1 dilation: [2, 1] }"
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    expected = np.stack(
        [padded[:, c, 2 * i : 2 * i + 5 : 2, j : j + 5 : 2] for c in range(3) for i in range(2) for j in range(2)], 1
    )
    np.testing.assert_array_equal(result(layer("Im2col", "x", param=param, x=x.shape), x), expected)


def test_columns_of_one_axis_are_those_of_a_plane_of_width_one():
    x = numbers(2, 3, 7)
    graph = layer("Im2col", "x", param="convolution_param { kernel_size: 3 stride: 2 }", x=x.shape)
    expected = np.stack([x[:, c, i : i + 5 : 2] for c in range(3) for i in range(3)], 1)
    np.testing.assert_array_equal(result(graph, x), expected)


@pytest.mark.parametrize(
    "fields",
    [
        "num_output: 2",
        "kernel_size: 3",
        "num_output: 2 kernel_size: 0",
        "num_output: 2 kernel_size: [1, 2, 3]",
        "num_output: 2 kernel_size: 3 kernel_h: 3 kernel_w: 3",
        "num_output: 2 kernel_size: 3 stride: 0",
        "num_output: 2 kernel_size: 3 group: 0",
        "num_output: 2 kernel_size: 3 group: 3",
        "num_output: 3 kernel_size: 3 group: 2",
        "num_output: 2 kernel_size: 9",
        "num_output: 2 kernel_size: 3 axis: 4",
    ],
)
def test_what_caffe_does_not_take_is_an_error_of_the_file(fields):
    with pytest.raises(InvalidInputError) as error:
        layer("Convolution", "x", param=f"convolution_param {{ {fields} }}", x=(1, 4, 5, 5))
    assert error.value.where == "y (Convolution)"


def test_four_spatial_axes_are_refused():
    with pytest.raises(UnsupportedError):
        layer("Convolution", "x", param="convolution_param { num_output: 1 kernel_size: 1 }", x=(1, 1, 2, 2, 2, 2))
