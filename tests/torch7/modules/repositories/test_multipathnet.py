from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import UsageError
from tests.support import numbers
from tests.torch7.fixtures import check, results
from tests.torch7.writer import nn, sequential

REGIONS = np.array([[1, 10, 20, 50, 44], [2, 3, 4, 19, 36]], np.float32)


def test_wrappers_run_the_module_that_they_stand_for():
    x = numbers(2, 3)
    check(sequential(nn("Tanh"), kind="NoBackprop"), x, expected=np.tanh(x))
    check(sequential(nn("Exp"), nn("Tanh"), kind="ModeSwitch"), x, expected=np.tanh(x))
    check(sequential(nn("Exp"), nn("Tanh"), kind="SequentialSplitBatch", batch_size=1), x, expected=np.tanh(np.exp(x)))


def test_modules_side_by_side_are_joined_item_by_item():
    x = numbers(2, 3)
    pair = sequential(nn("Tanh"), nn("Exp"), kind="ConcatTable")
    expected = [np.hstack([np.tanh(x)] * 2), np.hstack([np.exp(x)] * 2)]
    check(sequential(pair, pair, kind="ModelParallelTable", dimension=2), x, expected=expected)
    single = sequential(nn("Tanh"), nn("Exp"), kind="ModelParallelTable", dimension=1)
    check(single, x, expected=np.vstack([np.tanh(x), np.exp(x)]))


def test_boxes_are_given_back_their_scale_in_place():
    std, mean, x = numbers(1, 4), numbers(1, 4, seed=1), numbers(2, 8, seed=2)
    expected = (x.reshape(-1, 4) * std + mean).reshape(2, 8)
    both = sequential(nn("BBoxNorm", std=std, mean=mean), nn("Identity"), kind="ConcatTable")
    check(both, x, expected=[expected, expected])


@pytest.mark.parametrize("fields", [{}, {"std": numbers(1, 4), "mean": numbers(1, 4, seed=1)}])
def test_the_box_of_the_best_class_is_selected(fields):
    scores, boxes = numbers(3, 5, seed=2), numbers(3, 20, seed=3)
    chosen = boxes.reshape(3, 5, 4)[np.arange(3), scores.argmax(1)]
    expected = chosen * fields.get("std", 1) + fields.get("mean", 0)
    check(nn("SelectBoxes", **fields), [scores, boxes], expected=expected)


def test_a_context_is_a_region_times_a_matrix():
    matrix = numbers(4, 4)
    expected = np.hstack([REGIONS[:, :1], REGIONS[:, 1:] @ matrix])
    check(nn("ContextRegion", tr=matrix), REGIONS, expected=expected)
    with pytest.raises(UsageError, match="4 corners"):
        results(nn("ContextRegion", tr=matrix), numbers(2, 4))


def test_a_region_is_seen_at_four_sizes():
    expected = []
    for image, x, y, x2, y2 in REGIONS:
        w, h = x2 - x, y2 - y
        margins = [(image, m * w, m * h) for m in (0, 0.25, 0.5, 1.5)]
        expected += [[i, x - across, y - down, x2 + across, y2 + down] for i, across, down in margins]
    check(nn("Foveal"), REGIONS, expected=np.array(expected))


def test_regions_are_moved_and_scaled():
    y = numbers(2, 4)
    x1, y1, x2, y2 = REGIONS[:, 1:].T
    w, h = x2 - x1, y2 - y1
    xc, yc = (x1 + x2) / 2 + y[:, 0] * w, (y1 + y2) / 2 + y[:, 1] * h
    w, h = np.exp(y[:, 2]) * w, np.exp(y[:, 3]) * h
    expected = np.stack([REGIONS[:, 0], xc - w / 2, yc - h / 2, xc + w / 2, yc + h / 2], 1)
    check(nn("ConvertFrom"), [REGIONS, y], expected=expected)


@pytest.mark.parametrize("std", [None, [0.5, 2.0, 4.0]])
def test_an_image_is_swapped_scaled_and_centred(std):
    x, mean = numbers(3, 4, 5), [0.1, 0.2, 0.3]
    expected = x[[2, 1, 0]] * 255 - np.array(mean).reshape(3, 1, 1)
    fields = {} if std is None else {"std": std}
    expected = expected / np.array(std or [1]).reshape(-1, 1, 1)
    check(nn("fbcoco.ImageTransformer", mean=mean, scale=255, swap=[3, 2, 1], **fields), x, expected=expected)
