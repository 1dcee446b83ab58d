"""What holds for every operator: its inferred types are those of what it computes, and its attributes are exact."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.graph.operators import OPERATORS, Clip, LeakyRelu, MaxPool, Relu, Sigmoid, operator_of
from tests.graph.operators.apply import apply_all, examples
from tests.support import numbers

X = (2, 4, 6, 8)
WINDOW = {"kernel_shape": (3, 2), "strides": (2, 1), "pads": (1, 0, 2, 1)}
DILATED = {**WINDOW, "dilations": (1, 2)}
BOOLS, INDICES = "bool", "int64"

# Operators that need more than one tensor of any shape: shapes (or type and shape) of the inputs, attributes.
CASES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "And": ([(BOOLS, 3), (BOOLS, 1)], {}),
    "AveragePool": ([X], {**WINDOW, "ceil_mode": 1, "count_include_pad": 1}),
    "BatchNormalization": ([X, (4,), None, (4,), (4,)], {}),
    "BoxSuppression": ([(5, 3), (5, 12)], {"iou_threshold": 0.99}),
    "Cast": ([X], {"to": "int64"}),
    "Clip": ([X], {"min": 0, "max": 0.5}),
    "Compress": ([X, (BOOLS, 2)], {}),
    "Concat": ([X, X], {"axis": 1}),
    "Conv": ([X, (6, 2, 3, 2), (6,)], {**DILATED, "group": 2}),
    "ConvTranspose": ([X, (4, 3, 3, 2), (6,)], {**DILATED, "group": 2, "output_padding": (1, 0)}),
    "DepthToSpace": ([X], {"blocksize": 2, "mode": "CRD"}),
    "Expand": ([(4, 1)], {"shape": (2, 1, 3)}),
    "Gather": ([X, (INDICES, 2, 3)], {"axis": 1}),
    "Gemm": ([(2, 3), (4, 3), (4,)], {"transB": 1}),
    "Im2Col": ([X], DILATED),
    "LRN": ([X], {"size": 5}),
    "LocallyConnected": ([X, (4, 8, 5, 4, 3, 2), (5, 4, 8)], WINDOW),
    "LpPool": ([X], WINDOW),
    "MatMul": ([(5, 2, 3), (3, 4)], {}),
    "MaxPool": ([X], {**DILATED, "ceil_mode": 1}),
    "MaxRoiPool": ([X, (3, 5)], {"pooled_shape": (2, 3)}),
    "Not": ([(BOOLS, 3)], {}),
    "OneHot": ([(INDICES, 2)], {"depth": 3}),
    "Or": ([(BOOLS, 3), (BOOLS, 1)], {}),
    "PRelu": ([X, (4, 1, 1)], {}),
    "Pad": ([X], {"pads": (0, 0, 1, -1, 0, 1, 2, 3)}),
    "Reshape": ([X], {"shape": (0, -1)}),
    "Resize": ([X], {"scales": (1, 1, 2, 1.5), "mode": "linear"}),
    "ScatterAdd": ([(INDICES, 2), (2,)], {"size": 3}),
    "Slice": ([X], {"starts": (-3,), "ends": (99,), "axes": (3,)}),
    "SpaceToDepth": ([X], {"blocksize": 2}),
    "Split": ([X], {"split": (1, 3), "axis": 1}),
    "Squeeze": ([(1, 2, 1)], {"axes": (0, -1)}),
    "Tile": ([X], {"repeats": (1, 2, 1, 3)}),
    "TopK": ([X], {"k": 2}),
    "Transpose": ([X], {"perm": (0, 2, 3, 1)}),
    "Unsqueeze": ([X], {"axes": (0, -1)}),
    "Where": ([(BOOLS, 2), (3, 2), (2,)], {}),
}
CASES |= {name: ([X], {"axes": (2, -1)}) for name in OPERATORS if name.startswith("Reduce")}
TWO = ("Add", "Sub", "Mul", "Div", "Pow", "Greater", "GreaterOrEqual", "Less", "Equal")
CASES |= {name: ([X, (4, 1, 1)], {}) for name in TWO}


def tensor(description: Any) -> np.ndarray | None:
    if description is None:
        return None
    kind, *shape = description
    if kind == BOOLS:
        return np.ones(shape, bool)
    return np.zeros(shape, np.int64) if kind == INDICES else np.abs(numbers(*description))


@pytest.mark.parametrize("name", OPERATORS)
def test_inferred_types_are_those_of_what_is_computed(name: str) -> None:
    inputs, attributes = CASES.get(name, ([X], {}))
    for y in apply_all(name, *map(tensor, inputs), **attributes):  # apply_all compares them
        assert y.size


@pytest.mark.parametrize("name", ["Relu", "Exp", "Sum", "Softmax", "BatchNormalization", "Concat", "LRN"])
@examples
@given(st.lists(st.integers(1, 4), min_size=2, max_size=5))
def test_types_agree_for_every_rank(name: str, shape: list[int]) -> None:
    extra = [None, None, (shape[1],), (shape[1],)] if name == "BatchNormalization" else []
    attributes = {"Concat": {"axis": 0}, "LRN": {"size": 3}}.get(name, {})
    inputs = [tensor(description) for description in (tuple(shape), *extra)]
    assert apply_all(name, *inputs, **attributes)[0].shape == tuple(shape)


@pytest.mark.parametrize("name", OPERATORS)
def test_every_attribute_is_declared_with_a_known_type(name: str) -> None:
    operator = OPERATORS[name]
    assert operator.name == operator.__name__ == name
    assert set(operator.kinds.values()) <= {"int", "float", "str", "Ints", "Floats"}
    assert list(operator.kinds) == sorted(field.name for field in fields(operator))
    assert operator.required <= operator.kinds.keys()


def test_attributes_become_exactly_what_is_declared() -> None:
    pooling = MaxPool.of(
        {"kernel_shape": [np.int64(2), True], "strides": (1, 1), "pads": (0,) * 4, "dilations": (1, 1)}
    )
    assert list(pooling.attributes) == ["ceil_mode", "dilations", "kernel_shape", "pads", "strides"]
    assert pooling.kernel_shape == (2, 1)
    assert [type(size) for size in pooling.kernel_shape] == [int, int]
    assert Clip(min=0, max=np.float32(6)).attributes == {"min": 0.0, "max": 6.0}
    assert type(Clip(min=0, max=1).min) is float
    assert Clip(min=-1e308, max=1e308).attributes == {"min": float("-inf"), "max": float("inf")}


def test_an_operator_is_a_value_that_cannot_be_changed() -> None:
    assert LeakyRelu(alpha=0.1) == LeakyRelu(alpha=0.1) != LeakyRelu(alpha=0.2)
    assert Relu() == Relu() != Sigmoid()
    assert {Relu(): 1, Clip(min=0.0, max=1.0): 2}[Clip(min=0.0, max=1.0)] == 2
    with pytest.raises(FrozenInstanceError):
        LeakyRelu().alpha = 0.5  # type: ignore[misc]


def test_a_name_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(TypeError, match="no operator 'LeakyReLU'; did you mean LeakyRelu"):
        operator_of("LeakyReLU", {"alpha": 0.1})


def test_attributes_beside_an_operator_that_has_its_own_are_refused() -> None:
    with pytest.raises(TypeError, match=r"LeakyRelu\(alpha=0.01\) has its attributes already: \['alpha'\]"):
        operator_of(LeakyRelu(), {"alpha": 0.1})


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("Relu", {"alpha": 1.0}),
        ("Clip", {"min": 0.0}),
        ("Softmax", {"axis": 1.0}),
        ("Clip", {"min": "0", "max": 1.0}),
        ("Cast", {"to": 1}),
        ("Transpose", {"perm": 3}),
        ("Transpose", {"perm": (0.0, 1.0)}),
    ],
)
def test_attributes_that_are_unknown_missing_or_of_another_type_are_refused(
    name: str, attributes: dict[str, Any]
) -> None:
    with pytest.raises(TypeError, match=name):
        OPERATORS[name].of(attributes)
