from __future__ import annotations

import re
from importlib import resources
from itertools import combinations

import numpy as np
import pytest

from pipeline.graph.operators.operator import OPERATORS
from pipeline.report.data import LayerRow
from pipeline.report.kinds import MARKS, kind

STYLE = (resources.files("pipeline.report") / "templates" / "style.css").read_text(encoding="utf-8")
COLOURS = dict(re.findall(r"\.mark\.(\w+) \{ fill: #(\w{6}); \}", STYLE))

# What people see who lack one of the three kinds of cones, in linear RGB: Machado, Oliveira and Fernandes, A
# Physiologically-based Model for Simulation of Color Vision Deficiency, 2009, severity 1.
SIGHTS = {
    "trichromacy": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def lab(colour: str, sight: str) -> np.ndarray:
    """Return a colour, as somebody sees it, in CIELAB."""
    channels = np.array([int(colour[at : at + 2], 16) for at in (0, 2, 4)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    x, y, z = np.cbrt(TO_XYZ @ np.clip(SIGHTS[sight] @ linear, 0.01, 1) / WHITE)  # none of these is nearly black
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHTS)
def test_the_colours_of_kinds_differ_for_everybody(sight: str) -> None:
    seen = {name: lab(colour, sight) for name, colour in COLOURS.items()}
    apart = {pair: float(np.linalg.norm(seen[pair[0]] - seen[pair[1]])) for pair in combinations(seen, 2)}
    assert len(COLOURS) == 7
    assert min(apart.values()) > 12  # 2.3 are just noticed


def test_every_kind_has_a_mark_of_its_own_form() -> None:
    assert len(set(MARKS.values())) == len(MARKS)
    assert set(COLOURS) < set(MARKS)


def test_every_operator_but_those_of_detectors_is_of_a_kind_that_has_a_name() -> None:
    families = {type_.__module__.rpartition(".")[2] for type_ in map(OPERATORS.__getitem__, OPERATORS)}
    layers = {family: LayerRow(0, "x", "", family, "", "", (), ()) for family in families}
    assert {family for family, layer in layers.items() if kind(layer) == "other"} == {"detection"}
