from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from pipeline.errors import InvalidInputError
from pipeline.graph.safetensors import read_tensors, write_tensors
from tests.support import numbers

TENSORS = {
    "matrix": numbers(3, 4),
    "transposed": numbers(3, 4).T,
    "double": numbers(5).astype(np.float64),
    "half": numbers(5).astype(np.float16),
    "index": np.array([1, -(2**40), 3]),
    "small index": np.array([[1], [2]], np.int32),
    "scalar": np.array(3.5, np.float32),
    "empty": np.zeros((0, 3), np.float32),
    "repeated": np.broadcast_to(np.float32(2), (4, 5)),
    "name/ü\n": numbers(1),
}


def test_the_reference_implementation_reads_what_is_written(tmp_path: Path) -> None:
    write_tensors(tmp_path / "w", TENSORS)
    found = safetensors.numpy.load_file(tmp_path / "w")
    assert found.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert found[name].dtype == (np.float32 if array.dtype.kind == "f" else np.int64)
        np.testing.assert_array_equal(found[name], array.astype(found[name].dtype))


def test_what_the_reference_implementation_writes_is_read(tmp_path: Path) -> None:
    tensors = {name: np.ascontiguousarray(array) for name, array in TENSORS.items() if array.dtype != np.int32}
    safetensors.numpy.save_file(tensors, tmp_path / "w", metadata={"format": "np"})
    found = read_tensors(tmp_path / "w")
    assert found.keys() == tensors.keys()
    for name, array in tensors.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_tensors_come_back_in_their_order_and_aligned(tmp_path: Path) -> None:
    write_tensors(tmp_path / "w", TENSORS)
    found = read_tensors(tmp_path / "w")
    assert list(found) == list(TENSORS)
    assert all(array.flags.aligned and not array.flags.writeable for array in found.values())


def test_no_tensors_are_a_sound_file(tmp_path: Path) -> None:
    write_tensors(tmp_path / "w", {})
    assert read_tensors(tmp_path / "w") == {}
    assert safetensors.numpy.load_file(tmp_path / "w") == {}


def with_header(header: object, data: bytes = bytes(8)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: str = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "shorter than 8 bytes"),
        (b"\x01", "shorter than 8 bytes"),
        ((2**63).to_bytes(8, "little"), "a header of 9223372036854775808 bytes"),
        ((9).to_bytes(8, "little") + b"{}", "a header of 9 bytes"),
        (with_header(b"{"), "not sound JSON"),
        (with_header(b"\xff"), "not sound JSON"),
        (with_header(b"[" * 100_000), "not sound JSON"),
        (with_header(b'{"a": 1, "a": 2}'), "twice"),
        (with_header([]), "not an object"),
        (with_header({"a": 3}), "the entry of 'a'"),
        (with_header({"a": {"dtype": "F32"}}), "the entry of 'a'"),
        (with_header({"a": entry("BF16")}), "dtype 'BF16'"),
        (with_header({"a": entry(["F32"])}), "dtype"),  # type: ignore[arg-type]
        (with_header({"a": entry(shape=[-2])}), "shape"),
        (with_header({"a": entry(shape=[2.0])}), "shape"),
        (with_header({"a": entry(shape=[True, 2])}), "shape"),
        (with_header({"a": entry(shape=2)}), "shape"),
        (with_header({"a": entry(offsets=[0])}), "offsets"),
        (with_header({"a": entry(shape=[3], offsets=[0, 12])}), "does not take bytes 0 to 12 of 8"),
        (with_header({"a": entry(shape=[2**62, 2**62])}), "has shape"),
        (with_header({"a": entry(offsets=[8, 0])}), "does not take"),
        (with_header({"a": entry(shape=[1], offsets=[0, 4])}), "bytes 4 to 8 belong to no tensor"),
        (with_header({"a": entry(shape=[1], offsets=[4, 8])}), "bytes 0 to 4"),
        (with_header({"a": entry(), "b": entry()}), "belong to no tensor, or to two"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "w"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError) as failure:
        read_tensors(path)
    assert why in failure.value.why
    assert str(path) in failure.value.where
