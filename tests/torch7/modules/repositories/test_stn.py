from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.errors import UsageError
from tests.support import numbers
from tests.torch7.fixtures import check, refusal, results
from tests.torch7.writer import nn, sequential


def grid(height, width):
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([y, x, np.ones_like(x)], 2).astype(np.float32)


def sampled(images, places):
    """Return what PyTorch samples with the corners of images at -1 and 1, which takes (x, y)."""
    planes = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    flipped = torch.from_numpy(np.ascontiguousarray(places[..., ::-1]))
    y = torch.nn.functional.grid_sample(planes, flipped, align_corners=True, padding_mode="zeros")
    return y.numpy().transpose(0, 2, 3, 1)


def test_a_grid_is_moved_by_an_affine_transform():
    x = numbers(2, 2, 3)
    module = nn("AffineGridGeneratorBHWD", height=3, width=4, baseGrid=grid(3, 4))
    check(module, x, expected=np.einsum("hwk,nik->nhwi", grid(3, 4), x))
    check(module, x[0], expected=np.einsum("hwk,ik->hwi", grid(3, 4), x[0]))


def test_a_transform_is_six_numbers():
    x = numbers(2, 6)
    check(nn("AffineTransformMatrixGenerator", fullMode=True), x, expected=x.reshape(2, 2, 3))
    with pytest.raises(UsageError, match="6 numbers"):
        results(nn("AffineTransformMatrixGenerator", fullMode=True), numbers(2, 5))


@pytest.mark.parametrize(("scales", "moves"), [(True, False), (False, True), (True, True)])
def test_a_transform_is_a_scale_and_a_translation(scales, moves):
    x = numbers(2, int(scales) + 2 * int(moves))
    expected = np.zeros((2, 2, 3))
    for sample, row in zip(expected, x, strict=True):
        scale = np.diag([row[0], row[0], 1]) if scales else np.eye(3)
        shift = np.eye(3)
        if moves:
            shift[:2, 2] = row[-2:]
        sample[:] = (scale @ shift)[:2]
    module = nn("AffineTransformMatrixGenerator", fullMode=False, useScale=scales, useTranslation=moves)
    check(module, x, expected=expected)


def test_a_rotation_is_refused():
    assert "sine and cosine" in refusal(nn("AffineTransformMatrixGenerator", useRotation=True), numbers(2, 1))


def test_images_are_sampled_between_pixels_and_are_zero_outside():
    images, places = numbers(2, 4, 5, 3), 1.5 * numbers(2, 3, 2, 2, seed=1)
    places[0, 0] = [[-1, -1], [1, 1]]
    check(nn("BilinearSamplerBHWD"), [images, places], expected=sampled(images, places))
    check(nn("BilinearSamplerBHWD"), [images[0], places[0]], expected=sampled(images, places)[0])


def test_one_image_is_sampled_at_several_grids():
    image, places = numbers(4, 5, 3), numbers(2, 3, 2, 2, seed=1)
    expected = sampled(np.stack([image] * 2), places)
    check(nn("BatchBilinearSamplerBHWD"), [image, places], expected=expected)


def test_features_are_pooled_from_boxes():
    features, box = numbers(3, 4, 5), np.array([[20, 15, 30, 12], [5, 5, 4, 4]], np.float32)
    boxes = sequential(nn("BoxToAffine", H=30, W=40), nn("AffineGridGeneratorBHWD", baseGrid=grid(2, 2)))
    first = nn("Transpose", permutations=[[1, 2], [2, 3]])
    inside = sequential(
        sequential(first, boxes, kind="ParallelTable"),
        nn("BatchBilinearSamplerBHWD"),
        nn("Transpose", permutations=[[3, 4], [2, 3]]),
    )
    affine = np.zeros((2, 2, 3), np.float32)
    affine[:, 0, 0], affine[:, 1, 1] = box[:, 3] / 30, box[:, 2] / 40
    affine[:, 0, 2], affine[:, 1, 2] = (2 * box[:, 1] - 31) / 29, (2 * box[:, 0] - 41) / 39
    places = np.einsum("hwk,nik->nhwi", grid(2, 2), affine)
    expected = sampled(np.stack([features.transpose(1, 2, 0)] * 2), places).transpose(0, 3, 1, 2)
    check(nn("BilinearRoiPooling", net=inside), [features, box], expected=expected)


def test_a_sampler_of_too_many_pixels_is_refused():
    assert "would weigh 16384 pixels" in refusal(
        nn("BilinearSamplerBHWD"), [numbers(1, 128, 128, 1), numbers(1, 128, 128, 2)]
    )
