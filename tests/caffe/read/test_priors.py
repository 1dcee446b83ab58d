"""SSD's boxes, beside a reference that follows the definition of the fork."""

import numpy as np
import pytest

from pipeline.caffe.read import read
from pipeline.errors import InvalidInputError, UnsupportedError
from tests.caffe.forks import FORKS
from tests.caffe.read.nets import inputs, layer, net, result
from tests.support import numbers

SHAPES = {"f": (2, 3, 2, 5), "image": (2, 3, 31, 40)}
FEEDS = [numbers(*shape) for shape in SHAPES.values()]


def fields(text):
    """Read the fields of a prior_box_param into what the reference takes."""
    found = {}
    for word in text.split(","):
        name, value = word.split(":")
        number = value.strip()
        read_as = {"true": True, "false": False}.get(number) if number in ("true", "false") else float(number)
        repeated = name.strip() in ("min_size", "max_size", "aspect_ratio", "variance", "width", "height")
        found.setdefault(name.strip(), []).append(read_as) if repeated else found.update({name.strip(): read_as})
    return {"prior_box_param": found}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("PriorBox", "min_size: 4"),
        ("PriorBox", "min_size: 4, max_size: 9, aspect_ratio: 2, aspect_ratio: 3"),
        ("PriorBox", "min_size: 4, min_size: 7, aspect_ratio: 2, aspect_ratio: 1, aspect_ratio: 2, flip: false"),
        ("PriorBox", "min_size: 20, clip: true, variance: 0.1, variance: 0.1, variance: 0.2, variance: 0.2"),
        ("PriorBox", "min_size: 3, step: 8, offset: 0.25, variance: 0.3"),
        ("PriorBox", "min_size: 3, step_h: 8, step_w: 4, img_h: 16, img_w: 20"),
        ("PriorBox", "min_size: 3, img_size: 32"),
        ("PriorBoxClustered", "width: 2.5, height: 7.5, width: 3, height: 1, step: 16, variance: 0.1"),
    ],
)
def test_boxes_are_those_of_the_fork(kind, text):
    graph = layer(kind, "f", "image", param=f"prior_box_param {{ {text.replace(',', ' ')} }}", **SHAPES)
    (expected,) = FORKS[kind].run(fields(text), FEEDS, [], 1)
    assert np.abs(result(graph, *FEEDS) - expected).max() < 1e-6


def test_sizes_are_cut_to_integers_as_the_fork_cuts_them():
    notes = []
    text = inputs(**SHAPES) + 'layer { name: "y" type: "PriorBox" bottom: "f" bottom: "image" top: "y" '
    fractional = text + "prior_box_param { min_size: 20.48 max_size: 51.2 aspect_ratio: 2 } }"
    graph = read(net(fractional), notes=notes)
    (expected,) = FORKS["PriorBox"].run(fields("min_size: 20.48, max_size: 51.2, aspect_ratio: 2"), FEEDS, [], 1)
    assert np.abs(result(graph, *FEEDS) - expected).max() < 1e-6
    assert "cut to integers" in notes[0]


@pytest.mark.parametrize(
    "param",
    ["", "min_size: 1 max_size: 2 max_size: 3", "min_size: -1", "min_size: 1 step: -1", "min_size: 1 variance: [1, 2]"],
)
def test_what_ssd_does_not_take_is_an_error_of_the_file(param):
    with pytest.raises(InvalidInputError):
        layer("PriorBox", "f", "image", param=f"prior_box_param {{ {param} }}", **SHAPES)


def test_fields_of_another_fork_are_named_before_what_they_make_sound():
    with pytest.raises(UnsupportedError) as caught:
        layer("PriorBox", "f", "image", param="prior_box_param { fixed_size: 32 density: 4 }", **SHAPES)
    named = [problem.origin for problem in caught.value.problems]
    assert named == ["y.prior_box_param.fixed_size", "y.prior_box_param.density"]
