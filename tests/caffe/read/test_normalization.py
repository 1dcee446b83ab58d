"""Normalising layers against their formulas."""

import numpy as np
import pytest

from pipeline.errors import InvalidInputError, UnsupportedError
from tests.caffe.forks import FORKS
from tests.caffe.read.nets import layer, result
from tests.support import numbers, operators

SHAPES = [(4, 3), (4, 3, 5), (4, 3, 5, 6), (2, 3, 4, 5, 3)]


def spread(array, rank):
    return array.reshape(-1, *(1,) * (rank - 2))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("factor", [1.0, 0.5, 999.0])
def test_stored_statistics_are_divided_by_the_factor(shape, factor):
    x, mean, variance = numbers(*shape), numbers(3, seed=1), np.abs(numbers(3, seed=2)) + 0.1
    blobs = [mean * factor, variance * factor, [factor]]
    graph = layer("BatchNorm", "x", param="batch_norm_param { eps: 0.01 }", blobs=blobs, x=shape)
    expected = (x - spread(mean, x.ndim)) / np.sqrt(spread(variance, x.ndim) + 0.01)
    np.testing.assert_allclose(result(graph, x), expected, rtol=1e-4, atol=1e-5)
    assert operators(graph) == ["BatchNormalization"]


def test_a_factor_of_zero_makes_mean_and_variance_zero():
    x = numbers(2, 3, 4, 4)
    graph = layer("BatchNorm", "x", blobs=[numbers(3), numbers(3), [0.0]], x=x.shape)
    np.testing.assert_allclose(result(graph, x), x / np.sqrt(1e-5), rtol=1e-5)


@pytest.mark.parametrize("shape", [*SHAPES, (1, 3, 4, 4)])
@pytest.mark.parametrize("stored", [True, False])
def test_statistics_of_the_batch_are_biased(shape, stored):
    x = numbers(*shape)
    axes = (0, *range(2, x.ndim))
    blobs = [numbers(3), numbers(3), [1.0]] if stored else None
    graph = layer("BatchNorm", "x", param="batch_norm_param { use_global_stats: false }", blobs=blobs, x=shape)
    expected = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    np.testing.assert_allclose(result(graph, x), expected, rtol=1e-3, atol=1e-4)


def test_five_blobs_hold_a_scale_and_a_bias_too():
    x, mean, scale, bias = numbers(2, 3, 4, 4), numbers(3, seed=1), numbers(3, seed=3), numbers(3, seed=4)
    variance = np.abs(numbers(3, seed=2)) + 0.1
    graph = layer("BatchNorm", "x", blobs=[mean, variance, [1.0], scale, bias], x=x.shape)
    unit = (x - spread(mean, 4)) / np.sqrt(spread(variance, 4) + 1e-5)
    np.testing.assert_allclose(result(graph, x), unit * spread(scale, 4) + spread(bias, 4), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("factor", [0.0, 0.5, 999.0])
def test_five_blobs_with_a_factor_are_refused_since_forks_disagree_on_it(factor):
    blobs = [numbers(3), np.abs(numbers(3)), [factor], numbers(3), numbers(3)]
    with pytest.raises(UnsupportedError) as error:
        layer("BatchNorm", "x", blobs=blobs, x=(2, 3, 4, 4))
    (problem,) = error.value.problems
    assert f"a factor of {factor:g}, not 1: forks of Caffe disagree" in problem.reason


def test_a_blob_without_channels_is_an_error_of_the_file():
    with pytest.raises(InvalidInputError):
        layer("BatchNorm", "x", blobs=[numbers(1), numbers(1), [1.0]], x=(4,))


@pytest.mark.parametrize("size", [1, 3, 5])
def test_responses_are_divided_by_those_of_channels_around(size):
    x = numbers(2, 7, 3, 4)
    graph = layer("LRN", "x", param=f"lrn_param {{ local_size: {size} alpha: 0.7 beta: 0.6 k: 2 }}", x=x.shape)
    squares = np.pad(x**2, [(0, 0), (size // 2, size // 2), (0, 0), (0, 0)])
    sums = sum(squares[:, i : i + 7] for i in range(size))
    np.testing.assert_allclose(result(graph, x), x / (2 + 0.7 / size * sums) ** 0.6, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_responses_are_divided_by_those_of_places_around_with_one_for_k(size):
    x = numbers(2, 3, 7, 6)
    param = f"lrn_param {{ local_size: {size} alpha: 0.7 beta: 0.6 k: 2 norm_region: WITHIN_CHANNEL }}"
    half = size // 2
    squares = np.pad(x**2, [(0, 0), (0, 0), (half, half), (half, half)])
    means = sum(squares[:, :, i : i + 7, j : j + 6] for i in range(size) for j in range(size)) / size**2
    graph = layer("LRN", "x", param=param, x=x.shape)
    np.testing.assert_allclose(result(graph, x), x / (1 + 0.7 * means) ** 0.6, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("size", "shape"), [(4, (1, 2, 3, 3)), (3, (1, 2, 3)), (0, (1, 2, 3, 3))])
def test_what_lrn_does_not_take_is_an_error_of_the_file(size, shape):
    with pytest.raises(InvalidInputError):
        layer("LRN", "x", param=f"lrn_param {{ local_size: {size} }}", x=shape)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 6), (2, 3)])
@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("variance", [False, True])
@pytest.mark.parametrize("eps", [None, 0.5])
def test_mean_and_deviation_of_a_channel_or_an_image_are_taken_out(shape, across, variance, eps):
    x = numbers(*shape)
    fields = f"across_channels: {str(across).lower()} normalize_variance: {str(variance).lower()}"
    fields += f" eps: {eps}" if eps else ""
    rows = x.reshape(x.shape[0] if across else x.shape[0] * x.shape[1], -1)
    expected = rows - rows.mean(1, keepdims=True)
    if variance:
        expected = expected / (rows.std(1, keepdims=True) + (eps or 1e-9))
    graph = layer("MVN", "x", param=f"mvn_param {{ {fields} }}", x=shape)
    four = (*shape, *(1,) * (4 - len(shape)))
    assert graph.outputs[0].shape == four, "as Caffe's"
    np.testing.assert_allclose(result(graph, x), expected.reshape(four), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [(3,), (1, 3, 1, 1)])
def test_each_channel_of_each_image_is_normalised_by_itself(shape):
    x, scale, bias = numbers(2, 3, 4, 5), numbers(*shape, seed=1), numbers(*shape, seed=2)
    graph = layer("InstanceNorm", "x", blobs=[scale, bias], x=x.shape)
    unit = (x - x.mean((2, 3), keepdims=True)) / np.sqrt(x.var((2, 3), keepdims=True) + 1e-5)
    expected = unit * scale.reshape(3, 1, 1) + bias.reshape(3, 1, 1)
    np.testing.assert_allclose(result(graph, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_numbers_are_divided_by_their_norm_and_scaled(across, shared):
    x, scale = numbers(2, 3, 4, 5), numbers(*(() if shared else (3,)), seed=1)
    fields = f"across_spatial: {str(across).lower()} channel_shared: {str(shared).lower()} eps: 0.1"
    graph = layer("Normalize", "x", param=f"norm_param {{ {fields} }}", blobs=[scale], x=x.shape)
    norm = np.sqrt((x**2).sum((1, 2, 3) if across else 1, keepdims=True) + 0.1)
    expected = x / norm * (scale if shared else scale.reshape(3, 1, 1))
    np.testing.assert_allclose(result(graph, x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("param", "count"),
    [
        ("bn_mode: INFERENCE", 2),
        ("bn_mode: LEARN", 2),
        ("scale_filler { value: 1 }", 2),
        ("frozen: true momentum: 0.95", 4),
        ("eps: 0.5 slope_filler { value: 1 }", 4),
        ("", 2),
        ("", 4),
    ],
)
def test_bn_is_that_of_the_fork_whose_fields_or_blobs_it_has(param, count):
    x = numbers(2, 3, 4, 5)
    blobs = [np.abs(numbers(1, 3, 1, 1, seed=i)) + 0.5 for i in range(count)]
    graph = layer("BN", "x", param=f"bn_param {{ {param} }}", blobs=blobs, x=x.shape)
    fields = {"eps": 0.5} if "eps" in param else {"bn_mode": param.split()[-1]} if "mode" in param else {}
    (expected,) = FORKS["BN"].run({"bn_param": fields}, [x], blobs, 1)
    np.testing.assert_allclose(result(graph, x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("param", "blobs"), [("", None), ("bn_mode: LEARN frozen: true", [numbers(3)] * 2)])
def test_bn_that_may_be_of_either_fork_is_refused(param, blobs):
    with pytest.raises(UnsupportedError, match="cannot be converted"):
        layer("BN", "x", param=f"bn_param {{ {param} }}", blobs=blobs, x=(1, 3, 2, 2))
