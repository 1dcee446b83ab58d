from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.errors import OverBudget
from pipeline.inspection import statistics as module
from pipeline.inspection.statistics import statistics


@given(hnp.arrays(np.float32, st.integers(1, 400), elements=st.floats(-1e6, 1e6, width=32)))
def test_numbers_are_numpys(array: np.ndarray) -> None:
    found = statistics(array)
    wide = array.astype(np.float64)
    assert (found.minimum, found.maximum, found.zeros) == (wide.min(), wide.max(), int((wide == 0).sum()))
    assert found.mean == pytest.approx(wide.mean(), abs=1e-6)
    assert found.deviation == pytest.approx(wide.std(), abs=1e-6, rel=1e-9)
    assert sum(found.histogram) == array.size


def test_nan_and_infinity_are_counted_apart() -> None:
    found = statistics(np.array([0.0, 1.0, np.nan, np.inf, -np.inf, 3.0]))
    assert (found.count, found.zeros, found.nans, found.infinities) == (6, 1, 1, 2)
    assert (found.minimum, found.maximum) == (0.0, 3.0)
    assert sum(found.histogram) == 3


def test_nothing_finite_has_no_mean() -> None:
    found = statistics(np.full(3, np.nan, np.float32))
    assert (found.minimum, found.mean, found.nans, found.spark) == (None, None, 3, "")


def test_an_empty_tensor_has_no_numbers() -> None:
    assert statistics(np.empty((0, 4), np.float32)).count == 0


def test_a_constant_has_one_bin() -> None:
    found = statistics(np.full(100, 7.0, np.float32))
    assert (found.deviation, max(found.histogram)) == (0.0, 100)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", ">f8", "f2", "i8", "u1"])
def test_every_element_type_and_stride_is_read(dtype: str) -> None:
    array = np.arange(60).reshape(6, 10).astype(dtype)[::2, 1::3]
    found = statistics(array)
    assert (found.count, found.mean) == (9, array.astype(np.float64).mean())


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    whole = statistics(array)
    monkeypatch.setattr(module, "CHUNK", 64)
    parts = statistics(array)
    assert (parts.histogram, parts.zeros, parts.minimum) == (whole.histogram, whole.zeros, whole.minimum)
    assert parts.mean == pytest.approx(whole.mean)


def test_doubles_of_any_size_have_a_histogram() -> None:
    found = statistics(np.array([-1.7e308, 1.7e308]))
    assert (found.histogram[0], found.histogram[-1]) == (1, 1)


def test_the_spark_line_is_highest_where_most_numbers_are() -> None:
    spark = statistics(np.array([0.0] * 8 + [1.0] * 4 + [2.0])).spark
    assert (spark[0], spark[8], spark[-1], spark[1]) == ("█", "▄", "▁", " ")


def test_numbers_that_strides_repeat_are_read_once():
    row = np.array([0, 1, np.nan, -np.inf], np.float32)
    assert statistics(np.broadcast_to(row, (1000, 4))) == statistics(np.tile(row, (1000, 1)))
    huge = statistics(np.broadcast_to(row[:2], (1 << 40, 2)))
    assert (huge.count, huge.zeros, huge.mean) == (1 << 41, 1 << 40, 0.5)


def test_windows_that_overlap_too_often_are_refused():
    windows = np.lib.stride_tricks.sliding_window_view(np.zeros(80_000, np.float32), 40_000)
    with pytest.raises(OverBudget):
        statistics(windows)
    assert statistics(windows[:10]).count == 400_000
