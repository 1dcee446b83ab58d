from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.report import drawing
from tests.report.runs import folder, residual


def test_each_stage_stands_below_what_it_reads(tmp_path: Path) -> None:
    run = folder(tmp_path, residual(3)).report().run
    drawn = drawing.of_stages(run)
    assert [step.name for step in drawing.steps(run)] == ["t7", "import", "emit", "translate", "verify"]
    tops = [box.y for box in drawn.boxes]
    assert tops == sorted(tops)
    assert len(drawn.paths) == 7  # t7 and each of the three artifacts is verified; three stages make them


def test_a_run_from_a_caffe_pair_starts_there(tmp_path: Path) -> None:
    run = folder(tmp_path, residual(3)).report().run
    run = replace(run, source_kind="caffe", stages=run.stages[2:])
    assert [step.name for step in drawing.steps(run)] == ["caffe", "translate", "verify"]
    assert len(drawing.of_stages(run).paths) == 3


def test_the_time_line_is_in_percent_of_the_run(tmp_path: Path) -> None:
    spans = drawing.time_line(folder(tmp_path, residual(3)).report().run)
    assert spans[1] == drawing.StageBar(25.0, 25.0)
    assert spans[3] is None


def test_errors_are_plotted_by_their_powers_of_ten(tmp_path: Path) -> None:
    errors = {"a": 0.0, "b": 1e-6, "c": 1e-5, "d": 1e-4, "e": float("inf")}
    parity = folder(tmp_path, residual(3), errors).report().parity
    assert parity is not None
    plot = drawing.of_parity(parity, {})
    heights = [float(series.path.split("m")[0].split()[1]) for series in plot.series]
    assert heights == sorted(heights, reverse=True)
    assert len({round(upper - lower) for upper, lower in pairwise(heights[1:4])}) == 1
    assert plot.tolerance == heights[3]
    assert [series.count for series in plot.series] == [4] * 5
    assert (plot.ticks[0].label, plot.ticks[-1].label) == ("equal", "∞")


def test_a_value_that_nobody_saw_has_a_column_and_no_marks(tmp_path: Path) -> None:
    parity = folder(tmp_path, residual(3)).report().parity
    assert parity is not None
    plot = drawing.of_parity(replace(parity, values={**parity.values, "unseen": {}}), {})
    assert plot.columns[-1].text == "not compared"
    assert {series.count for series in plot.series} == {4}


@pytest.mark.parametrize(("histogram", "bars"), [((), 0), ((0, 3, 0, 1), 2), ((10**9, 1), 2)])
def test_a_bin_that_holds_anything_has_a_bar(histogram: tuple[int, ...], bars: int) -> None:
    path = drawing.spark(histogram)
    assert path.count("z") == bars
    assert "v-0.0" not in path
