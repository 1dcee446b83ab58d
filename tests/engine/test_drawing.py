from __future__ import annotations

from xml.etree import ElementTree

import pytest

from pipeline.engine.drawing import FORMS, drawn
from pipeline.errors import UsageError
from pipeline.stages.discovery import discover
from tests.engine.fakes import NAMES, STAGES

STATES = {"import": "hit", "emit": "run", "translate": "follows", "verify": "follows"}


def test_the_text_has_a_line_a_stage_in_running_order() -> None:
    assert drawn(STAGES, "text", STATES).splitlines() == [
        "                   t7 -->  import   --> graph        hit",
        "                graph -->   emit    --> caffe        run",
        "                caffe --> translate --> caffe2       follows",
        "caffe, caffe2 [graph] -->  verify   --> verification follows",
    ]


@pytest.mark.parametrize(
    ("form", "needed", "wanted"),
    [
        ("mermaid", "import -->|graph| emit", "import -.->|graph| verify"),
        ("dot", '"import" -> "emit" [label="graph"];', '"import" -> "verify" [label="graph", style=dashed];'),
    ],
)
def test_what_is_merely_wanted_is_dashed(form: str, needed: str, wanted: str) -> None:
    lines = [line.strip() for line in drawn(STAGES, form).splitlines()]
    assert needed in lines
    assert wanted in lines


@pytest.mark.parametrize("form", FORMS)
def test_every_form_names_every_stage_and_its_state(form: str) -> None:
    text = drawn(STAGES, form, STATES)
    assert all(name in text for name in NAMES)
    assert all(state in text for state in STATES.values())
    assert all(stage.name in drawn(discover(), form) for stage in discover())


def test_the_svg_has_a_box_a_stage_and_a_path_an_edge() -> None:
    root = ElementTree.fromstring(drawn(STAGES, "svg", STATES))
    space = "{http://www.w3.org/2000/svg}"
    boxes = root.findall(f"{space}rect")
    assert [text.text for text in root.findall(f"{space}text")] == [f"{name}: {STATES[name]}" for name in NAMES]
    assert len(root.findall(f"{space}path")) == 5
    assert len(root.findall(f"{space}path[@class='wanted']")) == 1
    below = [float(box.get("y", 0)) for box in boxes]
    assert below == sorted(set(below))


def test_another_form_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="--dag cannot be svgg") as told:
        drawn(STAGES, "svgg")
    assert told.value.advice == "one of: text, mermaid, dot, svg"
