"""Runs one operator through the builder and the evaluator, and checks that what it infers is what it gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import settings

from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import run

examples = settings(max_examples=40, deadline=None, derandomize=True)


def apply_all(operator: str, *inputs: np.ndarray | None, **attributes: Any) -> tuple[np.ndarray, ...]:
    """Return all outputs of an operator on these arrays (float32, int64 or bool; None: an optional one left out)."""
    net = Builder()
    values = [x if x is None else net.input(f"x{i}", x.shape, str(x.dtype)) for i, x in enumerate(inputs)]
    outputs = net.add_many(operator, *values, name="y", **attributes)
    results = run(net.finish(outputs), [x for x in inputs if x is not None])
    assert [(r.shape, str(r.dtype)) for r in results] == [(y.shape, y.dtype) for y in outputs]
    return results


def apply(operator: str, *inputs: np.ndarray | None, **attributes: Any) -> np.ndarray:
    """Return the first output of an operator."""
    return apply_all(operator, *inputs, **attributes)[0]


def close(actual: np.ndarray, expected: np.ndarray, tolerance: float = 1e-5) -> None:
    """Require equality up to `tolerance`, with infinities and NaN in the same places."""
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)
