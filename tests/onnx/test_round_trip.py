"""What is written and read back computes the same numbers, under the same names, from the same places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import run
from pipeline.graph.operators import Resize
from pipeline.onnx.read import read
from pipeline.onnx.write import write
from tests.graph.geometry import LAYERS
from tests.graph.nets import STATIC, Case


def check_round_trip(case: Case) -> None:
    note = f"in {case.name}"
    graph, feeds = case.graph(), case.feeds()
    back = read(write(graph), {value.name: value.shape for value in graph.inputs})
    assert back.inputs == graph.inputs, note
    assert {value.name for value in graph.values()} <= {value.name for value in back.values()}, note
    assert {node.origin for node in graph.nodes} <= {node.origin for node in back.nodes}, note
    for before, after in zip(run(graph, feeds), run(back, feeds), strict=True):
        assert before.dtype == after.dtype, note
        np.testing.assert_allclose(after, before, rtol=2e-5, atol=1e-5, err_msg=note)


FAMILIES: dict[str, list[Case]] = {}
for case in STATIC:
    FAMILIES.setdefault(case.name.split()[0], []).append(case)


@pytest.mark.parametrize("family", FAMILIES)
def test_reading_back_what_was_written_computes_the_same(family):
    for case in FAMILIES[family]:
        check_round_trip(case)


@given(LAYERS)
@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_any_geometry_survives_writing_and_reading(case):
    check_round_trip(case)


def test_a_scale_that_float32_makes_too_small_keeps_the_size():
    net = Builder()
    x = net.input("x", (1, 1, 1, 3))
    graph = net.finish([net.add(Resize(scales=(1.0, 1.0, 1.0, 7 / 3)), x, name="y")])
    (y,) = run(read(write(graph), {"x": (1, 1, 1, 3)}), [np.arange(3, dtype=np.float32).reshape(1, 1, 1, 3)])
    np.testing.assert_array_equal(y.ravel(), [0, 0, 0, 1, 1, 2, 2])
