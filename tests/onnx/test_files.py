import contextlib
from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidInputError, PipelineError, UnsupportedError
from pipeline.onnx import files
from pipeline.onnx.files import OnnxModel, data_file, read_model, write_model
from pipeline.onnx.schema import (
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    StringStringEntryProto,
    TensorProto,
)
from pipeline.wire import splice
from tests.support import digested


def small() -> OnnxModel:
    random = np.random.default_rng(0)
    weights = {
        "turned": random.normal(size=(60, 40)).T,
        "half": random.normal(size=4).astype("f2"),
        "index": np.array([-1, 7], "i4"),
        "rows": random.normal(size=(30, 50)).astype("f4"),
        "one": np.array(0.5, "f4"),
    }
    graph = GraphProto(name="small", node=[NodeProto(op_type="Relu", input=["x"], output=["y"], name="first")])
    proto = ModelProto(
        ir_version=8,
        producer_name="a test",
        graph=graph,
        opset_import=[OperatorSetIdProto(domain="", version=17)],
        metadata_props=[StringStringEntryProto(key="origins", value="{}")],
    )
    return OnnxModel(proto, weights)


def whole(model: OnnxModel) -> ModelProto:
    """Return the message that protobuf would make of a model."""
    message = ModelProto()
    message.CopyFrom(model.proto)
    for name, array in model.weights.items():
        floating = array.dtype.kind == "f"
        raw = array.astype("<f4" if floating else "<i8").tobytes()
        kind = TensorProto.FLOAT if floating else TensorProto.INT64
        message.graph.initializer.append(TensorProto(name=name, dims=array.shape, data_type=kind, raw_data=raw))
    return message


def is_the_same(found: OnnxModel, wanted: OnnxModel) -> None:
    assert found.proto == wanted.proto
    assert list(found.weights) == list(wanted.weights)
    for name, array in wanted.weights.items():
        assert np.array_equal(found.weights[name], array.astype(found.weights[name].dtype)), name


def test_a_model_comes_back_the_same(tmp_path):
    write_model(small(), tmp_path / "model.onnx")
    is_the_same(read_model(tmp_path / "model.onnx"), small())


def test_the_bytes_are_those_that_protobuf_writes(tmp_path):
    digests = write_model(small(), tmp_path / "model.onnx")
    data = (tmp_path / "model.onnx").read_bytes()
    assert data == whole(small()).SerializeToString(deterministic=True)
    assert digests == {"model.onnx": (blake3(data).hexdigest(), len(data))}


@pytest.fixture
def outside(tmp_path, monkeypatch) -> Path:
    """A model whose weights lie in a file of their own, as if it were too large."""
    monkeypatch.setattr(splice, "LIMIT", 2000)
    path = tmp_path / "model.onnx"
    digests = write_model(small(), path)
    assert digests == {p.name: digested(p) for p in (path, data_file(path))}
    return path


def test_weights_that_do_not_fit_lie_beside_the_model_and_small_ones_stay(outside):
    is_the_same(read_model(outside), small())
    tensors = ModelProto.FromString(outside.read_bytes()).graph.initializer
    places = {t.name: {entry.key: entry.value for entry in t.external_data} for t in tensors if t.external_data}
    assert places == {
        "turned": {"location": "model.onnx.data", "offset": "0", "length": "9600"},
        "rows": {"location": "model.onnx.data", "offset": "12288", "length": "6000"},
    }


def test_onnx_itself_finds_the_weights_beside_a_model(outside):
    onnx = pytest.importorskip("onnx")
    found = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(outside).graph.initializer}
    for name, array in small().weights.items():
        assert np.array_equal(found[name], array.astype(found[name].dtype)), name


def test_a_graph_that_is_itself_too_large_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(splice, "LIMIT", 100)
    with pytest.raises(UnsupportedError):
        write_model(small(), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "", "a/b"])
def test_no_file_but_one_beside_the_model_is_opened(outside, name):
    message = ModelProto.FromString(outside.read_bytes())
    next(t for t in message.graph.initializer if t.external_data).external_data[0].value = name
    outside.write_bytes(message.SerializeToString())
    with pytest.raises(InvalidInputError, match="not beside it"):
        read_model(outside)


ELSEWHERE = [("offset", "-4"), ("offset", "9999999"), ("length", "9601"), ("length", "x")]


@pytest.mark.parametrize(("key", "value"), ELSEWHERE)
def test_a_place_that_the_file_does_not_have_is_an_error(outside, key, value):
    message = ModelProto.FromString(outside.read_bytes())
    for entry in next(t for t in message.graph.initializer if t.external_data).external_data:
        entry.value = value if entry.key == key else entry.value
    outside.write_bytes(message.SerializeToString())
    with pytest.raises(InvalidInputError, match=r"model\.onnx\.data|damaged"):
        read_model(outside)


@pytest.mark.parametrize(
    ("tensor", "numbers"),
    [
        (TensorProto(dims=[2], data_type=TensorProto.FLOAT, float_data=[1, 2]), [1, 2]),
        (TensorProto(dims=[2], data_type=TensorProto.DOUBLE, double_data=[1, 2]), [1, 2]),
        (TensorProto(dims=[1, 2], data_type=TensorProto.INT64, int64_data=[1, -2]), [[1, -2]]),
        (TensorProto(data_type=TensorProto.INT32, raw_data=b"\x05\0\0\0"), 5),
    ],
)
def test_numbers_are_read_in_the_other_forms_that_there_are(tmp_path, tensor, numbers):
    tensor.name = "w"
    path = tmp_path / "model.onnx"
    path.write_bytes(ModelProto(graph=GraphProto(initializer=[tensor])).SerializeToString())
    assert read_model(path).weights["w"].tolist() == numbers


def test_weights_of_other_types_are_refused_by_name(tmp_path):
    tensors = [TensorProto(name=n, dims=[1], data_type=t, raw_data=b"\0") for n, t in (("a", 9), ("b", 2), ("c", 77))]
    path = tmp_path / "model.onnx"
    path.write_bytes(ModelProto(graph=GraphProto(initializer=tensors)).SerializeToString())
    with pytest.raises(UnsupportedError) as caught:
        read_model(path)
    assert [problem.origin for problem in caught.value.problems] == ["initializer a", "initializer b", "initializer c"]


def test_damage_names_the_file(tmp_path):
    path = tmp_path / "model.onnx"
    write_model(small(), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InvalidInputError) as caught:
        read_model(path)
    assert str(path) in caught.value.where


@given(st.binary(max_size=300))
def test_any_bytes_are_a_model_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    path.write_bytes(content)
    with contextlib.suppress(PipelineError):
        read_model(path)


@given(st.data())
def test_a_model_with_a_byte_changed_is_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "changed.onnx"
    write_model(small(), path)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(PipelineError):
        read_model(path)


def test_weights_are_not_copied():
    model = small()
    parts = files._parts(model, {})
    held = [part.array for part in parts if isinstance(part, splice.Floats)]
    assert len(held) == 4
    assert all(any(np.shares_memory(array, weight) for weight in model.weights.values()) for array in held)
