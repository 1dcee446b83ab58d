from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.graph.input_spec import InputSpec, TableSpec, TensorSpec, parse_input_spec, parse_inputs


def test_a_shape_is_read() -> None:
    assert parse_input_spec("2x3x224x224") == TensorSpec((2, 3, 224, 224))
    assert parse_input_spec(" 2 x 3 ") == TensorSpec((2, 3))
    assert parse_input_spec("2×3") == TensorSpec((2, 3))  # noqa: RUF001 - what people paste


def test_a_name_is_read() -> None:
    assert parse_input_spec("data=2x3") == TensorSpec((2, 3), "data")


def test_a_scalar_has_no_dimension() -> None:
    assert parse_input_spec("scalar") == TensorSpec(())


def test_tables_nest_and_their_parts_may_have_names() -> None:
    spec = parse_input_spec("both=[2x4, [a=2x4, scalar]]")
    inner = TableSpec((TensorSpec((2, 4), "a"), TensorSpec(())))
    assert spec == TableSpec((TensorSpec((2, 4)), inner), "both")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2x",
        "x2",
        "2x3]",
        "[2x3",
        "[]",
        "[2x3,]",
        "0x3",
        "-1x3",
        "2x3 4",
        "1,3,224",
        "[" * 100,
        "a=b=2",
        f"{'9' * 5000}x3",
    ],
)
def test_what_is_no_shape_is_refused_with_the_place(text: str) -> None:
    with pytest.raises(UsageError, match="character"):
        parse_input_spec(text)


def test_a_tensor_larger_than_any_memory_is_refused() -> None:
    with pytest.raises(UsageError):
        parse_input_spec("999999x999999x999999")


_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True) | st.just("")
_tensors = st.builds(TensorSpec, st.lists(st.integers(1, 99), max_size=4).map(tuple), _names)
_specs = st.recursive(
    _tensors, lambda inner: st.builds(TableSpec, st.lists(inner, min_size=1, max_size=3).map(tuple), _names)
)


@given(_specs)
def test_the_canonical_spelling_reads_back_as_the_same(spec: InputSpec) -> None:
    assert parse_input_spec(str(spec)) == spec


def test_no_shapes_and_auto_leave_them_to_be_found():
    assert parse_inputs([]) is None and parse_inputs(["auto"]) is None
    assert parse_inputs(["2x3", "4"]) == (TensorSpec((2, 3)), TensorSpec((4,)))
