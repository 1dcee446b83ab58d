"""Pictures of filters and feature maps hold the numbers that they show, where they should be."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import UsageError
from pipeline.formats import Location
from pipeline.inspection import pictures
from pipeline.inspection.pictures import feature_maps, filters, first_convolution, first_filters, of_file
from tests.torch7.writer import nn, save, sequential
from tests.verification import nets


def pixels(picture: pictures.Picture) -> np.ndarray:
    """Read a picture back: (height, width, red green blue and how opaque)."""
    image = Image.open(io.BytesIO(picture.png))
    assert (image.width, image.height, image.mode) == (picture.width, picture.height, "RGBA")
    return np.asarray(image)


def test_zero_is_grey_and_the_largest_number_white_or_black() -> None:
    found = filters("conv", np.array([[[[0, 0.5], [-0.25, -0.5]]]], np.float32))
    side = found.width // 2
    corners = pixels(found)[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.tolist() == [[128, 128, 128, 255], [255, 255, 255, 255], [64, 64, 64, 255], [0, 0, 0, 255]]
    assert side * 2 == found.width == found.height == 48
    assert found.caption == "1 filters of 1 x 2 x 2; grey is 0, black -0.5, white 0.5"


def test_three_planes_are_colours() -> None:
    weight = np.zeros((2, 3, 1, 1), np.float32)
    weight[1, :, 0, 0] = 1, 0, -1
    found = filters("conv", weight)
    assert pixels(found)[0, [0, -1]].tolist() == [[128, 128, 128, 255], [255, 128, 0, 255]]
    assert pixels(found)[0, 48].tolist() == [0, 0, 0, 0]  # between tiles one sees the page
    assert "the three planes are drawn as red, green and blue" in found.caption


def test_other_planes_are_a_row_each_filter_and_the_first_of_many_are_told() -> None:
    weight = np.arange(40 * 20 * 4, dtype=np.float32).reshape(40, 20, 2, 2)
    found = filters("conv", weight)
    assert (found.width, found.height) == (16 * 50 - 2, 16 * 50 - 2)
    assert "a row holds the first 16 planes of a filter; the first 16 of them" in found.caption
    row = pixels(found)[0, ::50, 0].astype(int)
    most = weight[15, 15].max()
    assert np.abs(row - 255 * (weight[0, :16, 0, 0] / (2 * most) + 0.5)).max() <= 1


def test_filters_along_one_axis_show_the_planes_along_the_other() -> None:
    found = filters("conv", np.ones((1, 3, 8), np.float32))
    assert (found.width, found.height) == (48, 18)


def test_what_is_not_finite_does_not_spoil_the_rest() -> None:
    found = filters("conv", np.array([[[[np.nan, np.inf], [1, -1]]]], np.float32))
    assert pixels(found)[[0, 0, -1, -1], [0, -1, 0, -1], 0].tolist() == [128, 128, 255, 0]
    assert pixels(filters("conv", np.zeros((1, 1, 1, 1), np.float32)))[0, 0, 0] == 128


def test_feature_maps_are_of_the_first_sample_and_large_ones_are_reduced() -> None:
    maps = np.zeros((2, 70, 128, 96), np.float32)
    maps[0, 1] = 4
    maps[1] = 100
    found = feature_maps("conv", maps, "io.npz")
    assert (found.width, found.height) == (8 * 50 - 2, 8 * 66 - 2)
    assert pixels(found)[0, [0, 50], 0].tolist() == [0, 255]
    assert found.caption == "70 maps of 128 x 96 (inputs: io.npz); the first 64 of them; black is 0, white 4"


def test_the_first_convolution_of_a_network_is_drawn() -> None:
    graph = nets.network()
    node = first_convolution(graph)
    picture = first_filters(graph)
    assert node is not None and picture is not None
    assert picture.title == f"Filters of {node.name}"


def test_a_file_of_weights_is_enough(tmp_path: Path) -> None:
    folder = nets.saved(nets.network(), tmp_path)
    whole, alone = (of_file(Location(folder / name)) for name in ("graph.json", "weights.safetensors"))
    assert whole.png == alone.png


def test_a_network_without_images_has_no_filters(tmp_path: Path) -> None:
    path = save(tmp_path / "net.t7", sequential(nn("Linear", weight=np.ones((2, 3)))))
    with pytest.raises(UsageError, match="no convolution"):
        of_file(Location(path))
