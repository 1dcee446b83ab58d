"""What a small file may say of itself: shapes that no array has, and more parts than any network."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.caffe.schema import BlobProto, LayerParameter, NetParameter
from pipeline.caffe2.schema import Argument, NetDef, OperatorDef
from pipeline.errors import InvalidInputError, OverBudget
from pipeline.formats import Location
from pipeline.inspection.summary import inspect
from pipeline.onnx.schema import GraphProto, ModelProto, NodeProto, TensorProto
from tests.support import taking_less_than
from tests.torch7.writer import dumps, nn

Shape = tuple[int, ...]


def caffemodel(shape: Shape) -> bytes:
    blob = BlobProto()
    blob.shape.dim.extend(shape)
    layer = LayerParameter(name="l", type="InnerProduct", blobs=[blob])
    return NetParameter(layer=[layer]).SerializeToString()


def init_net(shape: Shape) -> bytes:
    arguments = [Argument(name="shape", ints=shape), Argument(name="values")]
    return NetDef(op=[OperatorDef(type="GivenTensorFill", output=["w"], arg=arguments)]).SerializeToString()


def constant(shape: Shape) -> bytes:
    fill = OperatorDef(type="ConstantFill", output=["w"], arg=[Argument(name="shape", ints=shape)])
    return NetDef(op=[fill]).SerializeToString()


def onnx(shape: Shape) -> bytes:
    weight = TensorProto(name="w", dims=shape, data_type=TensorProto.FLOAT)
    return ModelProto(ir_version=8, graph=GraphProto(name="g", initializer=[weight])).SerializeToString()


def safetensors(shape: Shape) -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}}).encode()
    return struct.pack("<Q", len(header)) + header


@pytest.mark.parametrize("shape", [(0, 2**62, 2**62), (2**62, 0), (0, *(2,) * 60), (0, *(1,) * 65)], ids=str)
@pytest.mark.parametrize("write", [caffemodel, init_net, constant, onnx, safetensors])
def test_a_shape_that_no_array_has_is_damage(write: Callable[[Shape], bytes], shape: Shape, tmp_path: Path) -> None:
    suffix = {onnx: ".onnx", safetensors: ".safetensors", caffemodel: ".caffemodel"}.get(write, ".pb")
    path = tmp_path / f"file{suffix}"
    path.write_bytes(write(shape))
    with pytest.raises(InvalidInputError, match="damaged"):
        inspect(Location(path))


def test_an_onnx_model_cannot_name_a_file_with_a_nul(tmp_path: Path) -> None:
    weight = TensorProto(name="w", dims=[1], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="a\0b")
    model = ModelProto(ir_version=8, graph=GraphProto(name="g", initializer=[weight]))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InvalidInputError, match="not beside it"):
        inspect(Location(tmp_path / "model.onnx"))


MANY = 50_001
CROWDS = {
    "layers.prototxt": b"layer {}\n" * MANY,
    "old.prototxt": b"layers {}\n" * MANY,
    "layers.caffemodel": NetParameter(layer=[LayerParameter()] * MANY).SerializeToString(),
    "blobs.caffemodel": NetParameter(layer=[LayerParameter(name="l", blobs=[BlobProto()] * MANY)]).SerializeToString(),
    "predict_net.pb": NetDef(op=[OperatorDef(type="Relu")] * MANY).SerializeToString(),
    "predict_net.pbtxt": b'name: "n"\n' + b"op {}\n" * MANY,
    "model.onnx": ModelProto(ir_version=8, graph=GraphProto(name="g", node=[NodeProto()] * MANY)).SerializeToString(),
}


@pytest.mark.parametrize("name", CROWDS)
def test_more_parts_than_any_network_has_are_counted_before_they_are_read(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(CROWDS[name])
    with pytest.raises(OverBudget) as caught:
        inspect(Location(tmp_path / name))
    assert "50,001" in str(caught.value)


LONG = "x" * 100_000


def _of_class(name: str) -> bytes:
    return dumps(nn(f"nn.{name}"))


def _under_key(name: str) -> bytes:
    return dumps({name: nn("Tanh")})


def _prototxt(name: str) -> bytes:
    return f'name: "n" # a "remark"\nlayer {{ name: "l" type: "TanH" bottom: "x" top: "{name}" }}\n'.encode()


def _field(name: str) -> bytes:
    return f'name: "n"\nlayer {{ name: "l" {name}: 1 }}\n'.encode()


def _layer(name: str) -> bytes:
    return NetParameter(layer=[LayerParameter(name=name, type="TanH")]).SerializeToString()


def _operator(name: str) -> bytes:
    return NetDef(op=[OperatorDef(type="Relu", input=["x"], output=[name])]).SerializeToString()


def _node(name: str) -> bytes:
    graph = GraphProto(name="g", node=[NodeProto(op_type="Relu", input=["x"], output=[name])])
    return ModelProto(ir_version=8, graph=graph).SerializeToString()


@pytest.mark.parametrize("write", [_of_class, _under_key, _prototxt, _field, _layer, _operator, _node])
def test_a_name_is_no_novel(write: Callable[[str], bytes], tmp_path: Path) -> None:
    path = tmp_path / ("file.onnx" if write is _node else "file")
    path.write_bytes(write(LONG))
    with pytest.raises(InvalidInputError) as caught:
        inspect(Location(path))
    assert "100,0" in str(caught.value) + caught.value.why
    assert len(str(caught.value) + caught.value.why + caught.value.where) < 1000


@pytest.mark.parametrize("text", [b"\n" * (1 << 20), b'name: "' + b'\\"' * (1 << 19), b"name: 1 " + b"a" * 65_000])
def test_text_is_told_in_one_pass(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(text)
    with taking_less_than(2), pytest.raises(InvalidInputError):
        inspect(Location(path))
