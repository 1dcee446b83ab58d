from __future__ import annotations

import numpy as np

from tests.support import numbers
from tests.torch7.fixtures import check, refusal
from tests.torch7.writer import nn, sequential

ANCHORS = np.array([[30, 60, 10], [20, 40, 80]], np.float32)
PLACE = {"x0": 8, "y0": 7, "sx": 16, "sy": 15, "anchors": ANCHORS}


def boxes(*shape, seed=0):
    return np.abs(numbers(*shape, 4, seed=seed)) + 0.5


def moved(anchors, transforms):
    centre = transforms[..., :2] * anchors[..., 2:] + anchors[..., :2]
    return np.concatenate([centre, np.exp(transforms[..., 2:]) * anchors[..., 2:]], -1)


def anchors(height, width):
    """Return the boxes around every pixel, (k, height, width, 4)."""
    found = np.empty((3, height, width, 4), np.float32)
    for k in range(3):
        for y in range(height):
            for x in range(width):
                found[k, y, x] = (x * 16 + 8, y * 15 + 7, ANCHORS[0, k], ANCHORS[1, k])
    return found


def test_boxes_are_moved_and_scaled_and_back():
    start, transforms = boxes(2, 3), numbers(2, 3, 4, seed=1)
    check(nn("ApplyBoxTransform"), [start, transforms], expected=moved(start, transforms))
    check(nn("InvertBoxTransform"), [start, moved(start, transforms)], expected=transforms)


def test_anchors_stand_around_every_pixel():
    expected = np.tile(anchors(2, 5).transpose(0, 3, 1, 2).reshape(1, 12, 2, 5), (2, 1, 1, 1))
    check(nn("MakeAnchors", **PLACE), numbers(2, 7, 2, 5), expected=expected)


def test_anchors_are_moved_as_the_features_say():
    x = numbers(2, 12, 2, 5)
    transforms = x.reshape(2, 3, 4, 2, 5).transpose(0, 1, 3, 4, 2).reshape(2, 30, 4)
    check(nn("MakeBoxes", **PLACE), x, expected=moved(anchors(2, 5).reshape(1, 30, 4), transforms))


def test_features_are_listed_by_box():
    x = numbers(2, 6, 4, 5)
    expected = x.reshape(2, 3, 2, 4, 5).transpose(0, 1, 3, 4, 2).reshape(2, 60, 2)
    check(nn("ReshapeBoxFeatures", k=3), x, expected=expected)


def test_a_box_is_an_affine_transform_of_its_image():
    x = boxes(3)
    expected = np.zeros((3, 2, 3))
    expected[:, 0, 0], expected[:, 1, 1] = x[:, 3] / 30, x[:, 2] / 40
    expected[:, 0, 2] = (2 * x[:, 1] - 1 - 30) / 29
    expected[:, 1, 2] = (2 * x[:, 0] - 1 - 40) / 39
    check(nn("BoxToAffine", H=30, W=40), x, expected=expected)
    assert "setSize" in refusal(nn("BoxToAffine"), x)


def test_every_two_boxes_are_compared_by_what_they_share():
    first, second = 10 * boxes(2, 3), 10 * boxes(2, 4, seed=1)
    expected = np.zeros((2, 3, 4))
    for n, i, j in np.ndindex(expected.shape):
        one, other = first[n, i].astype(np.float64), second[n, j].astype(np.float64)
        low = np.maximum(*(b[:2] - (b[2:] - 1) / 2 for b in (one, other)))
        high = np.minimum(*(b[:2] + (b[2:] - 1) / 2 for b in (one, other)))
        shared = np.maximum(high - low, 0).prod()
        expected[n, i, j] = shared / (one[2:].prod() + other[2:].prod() - shared)
    assert (expected > 0).any() and (expected == 0).any()
    check(nn("BoxIoU"), [first, second], expected=expected)


def test_as_many_rows_are_taken_as_are_positive():
    x = numbers(4, 3)
    check(nn("PosSlicer"), [x, numbers(2, 5)], expected=x[:2])


def test_a_regularized_layer_is_the_identity():
    x = numbers(2, 3)
    check(sequential(nn("RegularizeLayer", w=0.1), nn("Tanh")), x, expected=np.tanh(x))


def test_a_caption_is_scored_after_its_image_and_the_start():
    words, table = np.array([[1, 3, 0], [2, 0, 0]], np.float32), numbers(5, 4, seed=1)
    weight, encoder, images = numbers(4, 4, seed=2), numbers(4, 6, seed=3), numbers(2, 6, seed=4)
    flat, back = (nn("View", size=[1, -1], numInputDims=dims) for dims in (3, 2))
    image_encoder = sequential(nn("Linear", weight=encoder), nn("View", size=[1, -1], numElements=1, numInputDims=1))
    rnn = sequential(nn("Tanh"), flat, nn("Linear", weight=weight), back)
    model = nn(
        "LanguageModel",
        image_encoder=image_encoder,
        lookup_table=nn("LookupTable", weight=table),
        rnn=rnn,
        vocab_size=3,
    )
    tokens = np.hstack([np.full((2, 1), 4), np.where(words > 0, words, 5)]).astype(int)
    sequence = np.concatenate([(images @ encoder.T)[:, None], table[tokens - 1]], 1)
    check(model, [images, words], expected=np.tanh(sequence) @ weight.T)


def test_what_chooses_boxes_is_refused_with_its_reason():
    assert "chooses boxes by their scores" in refusal(nn("LocalizationLayer"), numbers(1, 3, 4, 4))
