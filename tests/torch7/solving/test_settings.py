from __future__ import annotations

import numpy as np
import pytest

from pipeline.torch7.solving.settings import averages, features, planes, sides, vocabulary
from tests.torch7.fixtures import as_read


def found(checkpoint):
    return [(setting.name, setting.size) for setting in sides(as_read(checkpoint))]


def test_the_size_of_a_crop_comes_before_that_of_what_it_is_cropped_from():
    assert found({"opt": {"loadSize": 96, "fine_size": 64}}) == [("opt.fine_size", 64), ("opt.loadSize", 96)]


def test_options_may_stand_beside_the_network_itself():
    assert found({"imageSize": 32, "epoch": 7}) == [("imageSize", 32)]


@pytest.mark.parametrize("value", ["32", True, 0, -1, 1e9, 0.5])
def test_what_is_no_size_is_no_setting(value):
    assert found({"opt": {"imageSize": value}}) == []


@pytest.mark.parametrize("checkpoint", [{}, 5, {"opt": 5}])
def test_a_file_without_options_has_no_settings(checkpoint):
    assert found(checkpoint) == []


def test_the_shape_of_a_mean_image_tells_its_sides_and_planes():
    checkpoint = as_read({"mean": np.zeros((3, 40, 40)), "std": np.zeros((3, 40, 48)), "opt": {"imageSize": 64}})
    assert [str(each) for each in sides(checkpoint)] == [
        "the file's option opt.imageSize is 64",
        "the file's mean is of 3x40x40",
    ]
    assert [each.size for each in planes(checkpoint)] == [3, 3]


@pytest.mark.parametrize("mean", [[0.5, 0.4, 0.3], np.array([0.5, 0.4, 0.3])])
def test_a_mean_for_each_plane_tells_how_many_there_are(mean):
    checkpoint = as_read({"opt": {"input_channels": 1}, "meanstd": {"mean": mean}})
    assert [(each.name, each.size) for each in planes(checkpoint)] == [("opt.input_channels", 1), ("meanstd.mean", 3)]


@pytest.mark.parametrize("mean", [0.5, [], ["red"], [True], {"r": 0.5}])
def test_a_mean_that_is_no_list_of_numbers_tells_nothing(mean):
    assert averages(as_read({"mean": mean})) == []


def test_the_sizes_of_states_and_vectors_are_found():
    found = features(as_read({"opt": {"input_dim": 9, "rnn_size": 128, "num_layers": 2}}))
    assert [(each.name, each.size) for each in found] == [("opt.rnn_size", 128), ("opt.input_dim", 9)]


def test_a_vocabulary_is_known_by_the_number_of_its_entries():
    checkpoint = as_read({"vocab": {"a": 1, "b": 2}, "opt": {"word_to_idx": {"x": 1}}})
    assert [vocabulary(checkpoint, count) for count in (2, 1, 3)] == ["vocab", "opt.word_to_idx", ""]
