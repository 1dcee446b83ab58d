from __future__ import annotations

from math import ceil, floor

import numpy as np
import pytest

from pipeline.graph.operators import ShapeError
from tests.graph.operators.apply import apply, close
from tests.support import numbers

SHAPES = [(2, 3), (2, 3, 4), (2, 3, 4, 5), (1, 3, 2, 4, 5)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("affine", ["both", "scale", "bias", "none"])
def test_batch_normalization_uses_the_stored_statistics_of_each_channel(shape: tuple[int, ...], affine: str) -> None:
    x, mean, var = numbers(*shape), numbers(3, seed=1), np.abs(numbers(3, seed=2))
    scale = numbers(3, seed=3) if affine in ("both", "scale") else None
    bias = numbers(3, seed=4) if affine in ("both", "bias") else None
    column = (3, *(1,) * (len(shape) - 2))
    expected = (x - mean.reshape(column)) / np.sqrt(var.reshape(column) + 1e-3)
    expected = expected * (1 if scale is None else scale.reshape(column))
    expected = expected + (0 if bias is None else bias.reshape(column))
    close(apply("BatchNormalization", x, scale, bias, mean, var, epsilon=1e-3), expected)


@pytest.mark.parametrize("shape", [*SHAPES[1:], (2, 3, 1, 1)])
def test_instance_normalization_uses_each_images_own_statistics(shape: tuple[int, ...]) -> None:
    x, scale, bias = numbers(*shape) * 3 + 5, numbers(3, seed=1), numbers(3, seed=2)
    axes, column = tuple(range(2, len(shape))), (3, *(1,) * (len(shape) - 2))
    normal = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    close(apply("InstanceNormalization", x), normal)
    expected = normal * scale.reshape(column) + bias.reshape(column)
    close(apply("InstanceNormalization", x, scale, bias), expected)


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_layer_normalization_uses_the_statistics_of_all_axes_from_one_on(axis: int) -> None:
    x = numbers(2, 3, 4)
    axes = tuple(range(axis % 3, 3))
    scale, bias = numbers(*x.shape[axis:], seed=1), numbers(4, seed=2)
    normal = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    close(apply("LayerNormalization", x, scale, bias, axis=axis), normal * scale + bias)
    close(apply("LayerNormalization", x, axis=axis), normal)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 40])
@pytest.mark.parametrize("shape", SHAPES[:3])
def test_lrn_sums_squares_over_neighbouring_channels(size: int, shape: tuple[int, ...]) -> None:
    x = numbers(shape[0], 7, *shape[2:])
    sums = np.zeros_like(x)
    for c in range(7):
        first, last = max(0, c - floor((size - 1) / 2)), min(6, c + ceil((size - 1) / 2))
        sums[:, c] = (x[:, first : last + 1] ** 2).sum(1)
    expected = x / (2.0 + 0.5 / size * sums) ** 0.75
    close(apply("LRN", x, size=size, alpha=0.5, beta=0.75, bias=2.0), expected)


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_lp_normalization_divides_by_the_norm_and_keeps_zeros(p: int, axis: int) -> None:
    x = numbers(3, 4)
    x[0], x[:, 0] = 0, 0
    norm = (np.abs(x) ** p).sum(axis, keepdims=True) ** (1 / p)
    close(apply("LpNormalization", x, axis=axis, p=p), x / np.where(norm == 0, 1, norm))


@pytest.mark.parametrize("axes", [(2, 3), (1, 2, 3), (0, 2, 3)])
def test_mean_variance_normalization_divides_by_the_deviation(axes: tuple[int, ...]) -> None:
    x = numbers(2, 3, 4, 5) * 4 + 1
    expected = (x - x.mean(axes, keepdims=True)) / (x.std(axes, keepdims=True) + 1e-9)
    close(apply("MeanVarianceNormalization", x, axes=axes), expected)


def test_parameters_that_do_not_fit_are_refused() -> None:
    x, three, four = numbers(2, 3, 4), numbers(3), numbers(4)
    with pytest.raises(ShapeError, match=r"var has shape \(4,\), not \(3,\)"):
        apply("BatchNormalization", x, None, None, three, four)
    with pytest.raises(ShapeError, match=r"scale has shape \(4,\), not \(3,\)"):
        apply("InstanceNormalization", x, four, three)
    with pytest.raises(ShapeError, match=r"\(3,\), \(4,\) cannot be broadcast"):
        apply("LayerNormalization", x, three)
    with pytest.raises(ShapeError, match="0 channels"):
        apply("LRN", x, size=0)
    with pytest.raises(ShapeError, match="no axes"):
        apply("MeanVarianceNormalization", x, axes=())
