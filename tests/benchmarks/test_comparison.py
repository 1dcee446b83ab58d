from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import comparison
from benchmarks.comparison import FIXTURES, Case, Verdict, compared, load, page
from pipeline.runtimes.runtime import Job, Result

CASE = Case(Path("y"), "ReLU", {"x": np.zeros(2, np.float32)}, {"y": np.array([1, 2], np.float32)})


@pytest.mark.parametrize(
    ("result", "wanted", "verdict"),
    [
        (Result({"y": np.array([1, 2.00001], np.float32)}), ["y"], "right"),
        (Result({"y": np.array([1, 2.1], np.float32)}), ["y"], "wrong: off by 0.1"),
        (Result({"y": np.zeros((1, 2), np.float32)}), ["y"], "wrong: shape (1, 2) instead of (2,)"),
        (Result({"y": np.array([1, 2], np.float32)}), [], "wrong: the output y is lost"),
        (Result(stage="run", error="ndim >= 3.\n 2 vs 3"), ["y"], "fails when run: ndim >= 3. 2 vs 3"),
    ],
)
def test_a_run_is_right_only_where_every_declared_output_is(result: Result, wanted: list[str], verdict: str) -> None:
    assert str(compared(CASE, Job({}, {}, wanted), result)) == verdict


def test_the_page_counts_and_lists() -> None:
    text = page([CASE, CASE], [Verdict("right")] * 2, [Verdict("right"), Verdict("refused", "a|b")], "1.0.1")
    assert "| ours | 2 | 0 | 0 | 0 |\n| caffe_translator | 1 | 0 | 1 | 0 |" in text
    assert "| y | ReLU | right | refused: a\\|b |" in text


def test_a_network_of_the_tests_is_translated_by_ours(tmp_path: Path) -> None:
    case = load(FIXTURES / "relu_leaky")
    assert (case.layers, list(case.inputs), list(case.outputs)) == ("ReLU", ["x"], ["y"])
    comparison.ours(case, tmp_path)
    assert (tmp_path / "predict_net.pb").stat().st_size > 0
