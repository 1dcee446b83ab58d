from __future__ import annotations

import pytest

from pipeline.torch7.solving.settings import sides
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
