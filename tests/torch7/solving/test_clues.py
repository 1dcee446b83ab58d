"""What else a checkpoint tells is noted where the shape of the input was found."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.torch7 import importer
from tests.torch7.writer import nn, save, sequential


def notes(tmp_path, checkpoint):
    told = []
    importer.read(save(tmp_path / "net.t7", checkpoint), note=told.append)
    return told[1:]


def test_the_numbers_of_a_vocabulary_are_told(tmp_path):
    net = sequential(nn("LookupTable", weight=np.ones((3, 4))))
    vocab = {"vocab": {"a": 1, "b": 2, "c": 3}, "net": net}
    assert notes(tmp_path, vocab) == ["input takes whole numbers from 1 to 3, as many as the file's vocab has entries"]
    assert notes(tmp_path, {"net": net}) == ["input takes whole numbers from 1 to 3"]


def test_options_that_agree_with_the_inputs_are_named(tmp_path):
    net = sequential(nn("Linear", weight=np.ones((2, 128))))
    checkpoint = {"opt": {"rnn_size": 128, "input_size": 7}, "net": net}
    assert notes(tmp_path, checkpoint) == [
        "the inputs' sizes agree with what was saved: the file's option opt.rnn_size is 128"
    ]


def test_means_and_deviations_are_told(tmp_path):
    net = sequential(nn("Linear", weight=np.ones((2, 3))))
    (said,) = notes(tmp_path, {"mean": [0.5, 0.4, 0.3], "std": np.ones(3), "net": net})
    assert said == "the file holds mean (3) and std (3): its inputs were normalised with them, most likely"


@pytest.mark.parametrize("checkpoint", [{"opt": {"rnn_size": 9}}, {}])
def test_where_nothing_agrees_nothing_is_told(tmp_path, checkpoint):
    assert notes(tmp_path, {**checkpoint, "net": sequential(nn("Linear", weight=np.ones((2, 3))))}) == []
