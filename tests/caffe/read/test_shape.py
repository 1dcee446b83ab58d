"""Layers that move numbers about, against numpy's ways to do so."""

import numpy as np
import pytest

from pipeline.caffe.read import read
from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.graph.evaluation import run
from tests.caffe.forks import FORKS
from tests.caffe.read.nets import inputs, layer, net, result
from tests.support import numbers, operators

SHAPE = (2, 3, 4, 6)
X = numbers(*SHAPE)


@pytest.mark.parametrize(
    ("param", "axis"),
    [("", 1), ("axis: 0", 0), ("axis: 2", 2), ("axis: -1", 3), ("concat_dim: 3", 3), ("concat_dim: 0", 0)],
)
def test_blobs_are_joined_along_an_axis(param, axis):
    shape = list(SHAPE)
    shape[axis] += 2
    other = numbers(*shape, seed=1)
    graph = layer("Concat", "x", "z", param=f"concat_param {{ {param} }}", x=SHAPE, z=tuple(shape))
    np.testing.assert_array_equal(result(graph, X, other), np.concatenate([X, other], axis))


def test_one_blob_joined_with_none_is_itself():
    assert operators(layer("Concat", "x", x=SHAPE)) == ["Identity"]


def test_an_axis_has_one_name():
    with pytest.raises(InvalidInputError) as error:
        layer("Concat", "x", "x", param="concat_param { axis: 1 concat_dim: 1 }", x=SHAPE)
    assert error.value.why == "it has both axis and concat_dim"


@pytest.mark.parametrize(
    ("param", "tops", "axis", "points"),
    [
        ("", "abc", 1, [1, 2]),
        ("axis: 3", "abc", 3, [2, 4]),
        ("axis: -2 slice_point: 1", "ab", 2, [1]),
        ("slice_dim: 0", "ab", 0, [1]),
        ("axis: 3 slice_point: [1, 5]", "abc", 3, [1, 5]),
        ("axis: 2", "a", 2, []),
    ],
)
def test_a_blob_is_cut_along_an_axis(param, tops, axis, points):
    graph = layer("Slice", "x", param=f"slice_param {{ {param} }}", tops=tuple(tops), x=SHAPE)
    for piece, expected in zip(run(graph, [X]), np.split(X, points, axis), strict=True):
        np.testing.assert_array_equal(piece, expected)


@pytest.mark.parametrize("param", ["", "slice_point: 1 slice_point: 2", "slice_point: 3", "slice_point: 0", "axis: 4"])
def test_a_cut_that_does_not_fit_is_an_error_of_the_file(param):
    with pytest.raises(InvalidInputError):
        layer("Slice", "x", param=f"slice_param {{ {param} }}", tops=("a", "b"), x=SHAPE)


@pytest.mark.parametrize(
    ("param", "reference", "expected"),
    [
        ("", (9, 9, 2, 3), X[:, :, :2, :3]),
        ("offset: 1", (9, 9, 2, 3), X[:, :, 1:3, 1:4]),
        ("offset: [1, 3]", (9, 9, 2, 3), X[:, :, 1:3, 3:]),
        ("axis: 1 offset: [1, 0, 2]", (9, 2, 4, 3), X[:, 1:, :, 2:5]),
        ("axis: 0 offset: [1, 1, 1, 1]", (1, 2, 3, 5), X[1:, 1:, 1:, 1:]),
        ("axis: 3 offset: 4", (9, 9, 9, 2), X[..., 4:]),
        ("axis: -1 offset: 4", (9, 9, 9, 2), X[..., 4:]),
        ("", SHAPE, X),
    ],
)
def test_a_blob_is_cropped_to_the_sizes_of_another(param, reference, expected):
    graph = layer("Crop", "x", "r", param=f"crop_param {{ {param} }}", x=SHAPE, r=reference)
    np.testing.assert_array_equal(result(graph, X, numbers(*reference)), expected)


def test_the_reference_of_a_crop_is_not_computed():
    text = (
        inputs(x=SHAPE)
        + 'layer { name: "r" type: "DummyData" top: "r" dummy_data_param { shape { dim: 1 dim: 1 dim: 2 dim: 2 } } }'
        + 'layer { name: "t" type: "TanH" bottom: "r" top: "t" }'
        + 'layer { name: "y" type: "Crop" bottom: "x" bottom: "t" top: "y" }'
    )
    graph = read(net(text))
    assert operators(graph) == ["Slice"]
    assert not graph.weights


@pytest.mark.parametrize(
    ("param", "reference"), [("offset: 3", (1, 1, 2, 2)), ("offset: [1, 1, 1]", (1, 1, 1, 1)), ("", (2, 3, 4))]
)
def test_a_crop_beyond_the_blob_is_an_error_of_the_file(param, reference):
    with pytest.raises(InvalidInputError) as error:
        layer("Crop", "x", "r", param=f"crop_param {{ {param} }}", x=SHAPE, r=reference)
    assert error.value.where == "y (Crop)"


@pytest.mark.parametrize(
    ("param", "shape", "written"),
    [
        ("shape { dim: 0 dim: -1 }", (2, 72), (0, -1)),
        ("shape { dim: 0 dim: 0 dim: 24 }", (2, 3, 24), (0, 0, 24)),
        ("shape { dim: -1 }", (144,), (-1,)),
        ("shape { dim: 5 dim: 0 dim: 0 dim: -1 } axis: 0", None, None),
        ("shape { dim: 2 dim: 2 } axis: 2 num_axes: 1", (2, 3, 2, 2, 6), (0, 0, 2, 2, 6)),
        ("shape { dim: 12 } axis: 1 num_axes: 2", (2, 12, 6), (0, 12, 6)),
        ("shape { dim: 3 dim: 2 } axis: -1", None, None),
        ("shape { dim: 3 dim: 2 } axis: -2 num_axes: 1", (2, 3, 4, 3, 2), (0, 0, 0, 3, 2)),
        ("shape { dim: 1 } axis: 1 num_axes: 0", (2, 1, 3, 4, 6), (0, 1, 3, 4, 6)),
        ("shape { dim: 1 dim: 1 } axis: -1 num_axes: 0", (2, 3, 4, 6, 1, 1), (0, 0, 0, 0, 1, 1)),
        ("shape { dim: 0 dim: 1 dim: -1 } axis: 1", (2, 3, 1, 24), (0, 0, 1, -1)),
    ],
)
def test_some_axes_get_another_shape(param, shape, written):
    if shape is None:
        with pytest.raises(InvalidInputError):
            layer("Reshape", "x", param=f"reshape_param {{ {param} }}", x=SHAPE)
        return
    graph = layer("Reshape", "x", param=f"reshape_param {{ {param} }}", x=SHAPE)
    np.testing.assert_array_equal(result(graph, X), X.reshape(shape))
    assert graph.nodes[0].operator.shape == written


@pytest.mark.parametrize(
    ("param", "shape"),
    [
        ("", (2, 72)),
        ("axis: 2", (2, 3, 24)),
        ("axis: 0", (144,)),
        ("axis: 1 end_axis: 2", (2, 12, 6)),
        ("axis: -3 end_axis: -2", (2, 12, 6)),
        ("axis: 0 end_axis: 1", (6, 4, 6)),
        ("axis: 3", SHAPE),
        ("axis: 2 end_axis: 1", (2, 3, 1, 4, 6)),
    ],
)
def test_some_axes_become_one(param, shape):
    graph = layer("Flatten", "x", param=f"flatten_param {{ {param} }}", x=SHAPE)
    np.testing.assert_array_equal(result(graph, X), X.reshape(shape))
    wide = layer("Flatten", "x", param=f"flatten_param {{ {param} }}", x=(5, *SHAPE[1:]))
    assert wide.nodes[0].operator == graph.nodes[0].operator, "the batch is free"


@pytest.mark.parametrize(("axis", "repeats"), [(1, (1, 3, 1, 1)), (0, (3, 1, 1, 1)), (-1, (1, 1, 1, 3))])
def test_a_blob_is_repeated_along_an_axis(axis, repeats):
    graph = layer("Tile", "x", param=f"tile_param {{ axis: {axis} tiles: 3 }}", x=SHAPE)
    np.testing.assert_array_equal(result(graph, X), np.tile(X, repeats))


def test_items_are_taken_in_another_order():
    order = np.array([1, 1, 0], np.float32)
    graph = layer("BatchReindex", "x", "order", x=SHAPE, order=(3,))
    np.testing.assert_array_equal(result(graph, X, order), X[[1, 1, 0]])


def test_what_depends_on_the_data_is_refused():
    with pytest.raises(UnsupportedError) as error:
        layer("Filter", "x", "s", x=SHAPE, s=(2,))
    assert error.value.problems[0].origin == "y (Filter)"


@pytest.mark.parametrize(("order", "perm"), [([0, 2, 3, 1], (0, 2, 3, 1)), ([2], (2, 0, 1, 3)), ([], (0, 1, 2, 3))])
def test_axes_are_put_in_another_order(order, perm):
    graph = layer("Permute", "x", param=f"permute_param {{ order: {order} }}", x=SHAPE)
    np.testing.assert_array_equal(result(graph, X), X.transpose(perm))


def test_channels_of_groups_are_interleaved():
    x = np.arange(6, dtype=np.float32).reshape(1, 6, 1, 1)
    graph = layer("ShuffleChannel", "x", param="shuffle_channel_param { group: 2 }", x=x.shape)
    np.testing.assert_array_equal(result(graph, x).ravel(), [0, 3, 1, 4, 2, 5])


@pytest.mark.parametrize(("param", "height", "width"), [("scale: 2", 2, 2), ("scale_h: 1 scale_w: 3", 1, 3)])
def test_places_are_repeated(param, height, width):
    graph = layer("Upsample", "x", param=f"upsample_param {{ {param} }}", x=SHAPE)
    np.testing.assert_array_equal(result(graph, X), X.repeat(height, 2).repeat(width, 3))


def test_unpooling_by_a_mask_is_refused_and_so_is_a_scale_that_nobody_gave():
    with pytest.raises(UnsupportedError):
        layer("Upsample", "x", "mask", param="upsample_param { scale: 2 }", x=SHAPE, mask=SHAPE)
    with pytest.raises(InvalidInputError):
        layer("Upsample", "x", x=SHAPE)


def interpolated(x, height, width):
    """Interpolate bilinearly, the corners aligned, place by place."""
    y = np.empty((*x.shape[:2], height, width))
    for i in range(height):
        v = i * (x.shape[2] - 1) / (height - 1) if height > 1 else 0
        for j in range(width):
            u = j * (x.shape[3] - 1) / (width - 1) if width > 1 else 0
            top, left = int(v), int(u)
            below, right = min(top + 1, x.shape[2] - 1), min(left + 1, x.shape[3] - 1)
            upper = x[:, :, top, left] * (1 - u + left) + x[:, :, top, right] * (u - left)
            lower = x[:, :, below, left] * (1 - u + left) + x[:, :, below, right] * (u - left)
            y[:, :, i, j] = upper * (1 - v + top) + lower * (v - top)
    return y


@pytest.mark.parametrize(
    ("param", "height", "width"),
    [
        ("height: 9 width: 5", 9, 5),
        ("height: 1 width: 1", 1, 1),
        ("zoom_factor: 2", 7, 11),
        ("shrink_factor: 2", 2, 3),
        ("shrink_factor: 2 zoom_factor: 3", 4, 7),
        ("shrink_factor: 2 zoom_factor: 3 height: 5 width: 6", 5, 6),
        ("zoom_factor: 2 height: 5 width: 6", 7, 11),
    ],
)
def test_places_are_interpolated_with_the_corners_aligned(param, height, width):
    graph = layer("Interp", "x", param=f"interp_param {{ {param} }}", x=SHAPE)
    np.testing.assert_allclose(result(graph, X), interpolated(X, height, width), rtol=1e-4, atol=1e-5)


def test_interpolation_crops_first_and_may_take_its_size_from_a_second_blob():
    graph = layer("Interp", "x", param="interp_param { height: 5 width: 5 pad_beg: -1 pad_end: -2 }", x=SHAPE)
    np.testing.assert_allclose(result(graph, X), interpolated(X[:, :, 1:-2, 1:-2], 5, 5), rtol=1e-4, atol=1e-5)
    graph = layer("Interp", "x", "r", x=SHAPE, r=(1, 1, 8, 3))
    np.testing.assert_allclose(result(graph, X, numbers(1, 1, 8, 3)), interpolated(X, 8, 3), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "param", ["", "height: 5", "shrink_factor: 0", "pad_beg: 1 zoom_factor: 2", "pad_end: -4 zoom_factor: 2"]
)
def test_what_interpolation_does_not_take_is_an_error_of_the_file(param):
    with pytest.raises(InvalidInputError):
        layer("Interp", "x", param=f"interp_param {{ {param} }}", x=SHAPE)


def test_interpolation_takes_the_size_of_a_second_blob():
    x, reference = numbers(1, 2, 3, 4), numbers(1, 1, 7, 5)
    graph = layer("BilinearInterpolation", "x", "reference", x=x.shape, reference=reference.shape)
    (expected,) = FORKS["BilinearInterpolation"].run({}, [x, reference], [], 1)
    np.testing.assert_allclose(result(graph, x, reference), expected, rtol=1e-5, atol=1e-5)
