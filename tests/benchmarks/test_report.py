import json

import pytest

from benchmarks.figures import Figure
from benchmarks.report import Skipped, as_json, machine, page, table

ROWS = [
    Figure("cold", "cp", 2.0, 1.0, 2.0, "x", 2.0),
    Figure("memory", "--version", 2e8, 1e7, 190.0, "MB", 150),
    Figure("read", "torchfile", 0.1, 1.0, 10.0, "x faster", 20),
    Figure("other", "cp", 2.0, 1.0, 2.0, "x"),
    Skipped("translate", "no Caffe2 is found"),
]


def test_a_goal_is_a_limit_or_a_least():
    assert [row.met for row in ROWS[:4]] == [True, False, False, None]


def test_the_table_has_a_row_for_each_figure_and_says_what_was_not_measured():
    lines = table(ROWS).splitlines()
    assert len(lines) == 2 + len(ROWS)
    assert len({len(line) for line in lines}) == 1
    assert "<= 2 x" in lines[2] and "met" in lines[2]
    assert "190 MB" in lines[3] and "missed" in lines[3]
    assert "not measured: no Caffe2 is found" in lines[6]


def test_json_holds_every_figure_unrounded():
    document = json.loads(as_json(ROWS, 3))
    assert document["runs"] == 3
    assert document["figures"][1]["value"] == pytest.approx(190)
    assert document["figures"][4] == {"name": "translate", "skipped": "no Caffe2 is found"}


def test_the_page_describes_the_machine_without_its_name():
    import platform

    assert machine() in page(ROWS, 3)
    assert platform.node() not in machine().split()
