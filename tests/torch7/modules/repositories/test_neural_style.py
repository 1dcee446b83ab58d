from __future__ import annotations

import numpy as np
import pytest

from tests.support import numbers
from tests.torch7.fixtures import check, refusal
from tests.torch7.writer import nn, sequential


def normalized(x, eps=1e-5):
    mean, variance = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True)
    return (x - mean) / np.sqrt(variance + eps)


@pytest.mark.parametrize(
    "kind", ["ContentLoss", "StyleLoss", "TVLoss", "TextureLoss", "DeepDreamLoss", "Calibrate", "MRFMM"]
)
def test_a_loss_in_the_network_gives_on_what_it_takes(kind):
    x = numbers(1, 2, 3, 3)
    check(sequential(nn(kind, strength=3.0, target=numbers(4)), nn("Tanh")), x, expected=np.tanh(x))


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("batch", [(), (2,)])
def test_a_gram_matrix_holds_the_products_of_channels(batch, normalize):
    x = numbers(*batch, 3, 4, 5)
    rows = x.reshape(*batch, 3, 20)
    check(nn("GramMatrix", normalize=normalize), x, expected=rows @ rows.swapaxes(-1, -2) / (60 if normalize else 1))


def test_the_content_takes_the_statistics_of_the_style():
    content, style = numbers(2, 3, 4, 5), 2 * numbers(2, 3, 6, 2, seed=1) + 1
    mean, deviation = style.mean((2, 3), keepdims=True), style.std((2, 3), keepdims=True)
    module = nn("AdaptiveInstanceNormalization", nOutput=3, eps=1e-5)
    check(module, [content, style], expected=normalized(content) * deviation + mean)
    check(module, [content[0], style[0]], expected=(normalized(content) * deviation + mean)[0])


def test_an_inspiration_maps_channels_by_weight_and_target():
    weight, target, x = numbers(3, 3), numbers(3, 3, seed=1), numbers(2, 3, 4, 5, seed=2)
    expected = ((weight @ target).T @ x.reshape(2, 3, 20)).reshape(x.shape)
    check(nn("Inspiration", C=3, Weight=weight, target=target), x, expected=expected)


def test_pixels_for_vgg_are_written_over_the_input():
    x = numbers(1, 3, 2, 2)
    pixels = (x + 1) * 127.5 - np.array([103.939, 116.779, 123.68]).reshape(1, 3, 1, 1)
    both = sequential(nn("VGG_postprocess"), nn("Identity"), kind="ConcatTable")
    check(both, x, expected=[pixels, pixels])


def test_a_fill_without_channels_of_noise_is_a_copy_and_any_other_is_refused():
    x = numbers(1, 2, 3, 3)
    check(nn("NoiseFill", num_noise_channels=0, mult=1), x, expected=x)
    assert "random noise" in refusal(nn("NoiseFill", num_noise_channels=1, mult=1), x)
