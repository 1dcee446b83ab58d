"""The formats that are protobuf messages share field numbers: each knows its own smallest files, and no other's."""

from __future__ import annotations

from itertools import product

import pytest

from pipeline.caffe.schema import NetParameter
from pipeline.caffe2.schema import NetDef
from pipeline.formats import READ
from pipeline.onnx.schema import ModelProto
from pipeline.wire.splice import length_delimited

LETTERS = [chr(code) for code in range(32, 127)]


def claims(data: bytes) -> dict[str, str]:
    view = memoryview(data)
    return {known.name: role for known in READ if (role := known.recognise(view))}


def onnx(producer: str = "", **fields: object) -> bytes:
    model = ModelProto(ir_version=7, producer_name=producer, **fields)  # type: ignore[arg-type]
    model.graph.name = "g"
    return model.SerializeToString()


def caffe(name: str = "", **fields: object) -> bytes:
    return NetParameter(name=name or None, **fields).SerializeToString()  # type: ignore[arg-type]


def caffe2(name: str = "", *, inputs: tuple[str, ...] = ("x",)) -> bytes:
    return NetDef(name=name or None, op=[{"type": "Relu", "input": inputs, "output": ["y"]}]).SerializeToString()


def part(number: int, *inside: bytes) -> bytes:
    whole = b"".join(inside)
    return length_delimited(number, len(whole)) + whole


OLDEST = {"layer": {"name": "ip", "type": "innerproduct", "num_output": 2}, "bottom": ["data"], "top": ["ip"]}
SMALLEST = {
    "onnx": (onnx(), {"onnx": "onnx"}),
    "onnx, whose remark reads like a prototxt": (onnx(doc_string="\ninput: x\nop {"), {"onnx": "onnx"}),
    "caffemodel": (caffe(layer=[{}]), {"caffe": "caffemodel"}),
    "caffemodel of weights": (caffe(layer=[{"name": "ip"}]), {"caffe": "caffemodel"}),
    "caffemodel of V1": (caffe("n", layers=[{"name": "a", "type": 18, "bottom": ["x"]}]), {"caffe": "caffemodel"}),
    "caffemodel of V0": (caffe("n", layers=[OLDEST]), {"caffe": "caffemodel"}),
    "predict_net": (caffe2(), {"caffe2": "predict_net"}),
    "init_net": (caffe2("init", inputs=()), {"caffe2": "init_net"}),
}
NODE = part(1, part(1, b"x"), part(2, b"Const"))
OTHERS = {
    "a graph of TensorFlow, with an empty library": NODE + part(2) + part(4, b"\x08\x1b"),
    "a graph of TensorFlow, with a function": NODE + part(2, part(1, part(1, part(1, b"f")), part(3, NODE))),
    "a saved model of TensorFlow": b"\x08\x01" + part(2, part(1), part(2, NODE)),
    "a model of Core ML": b"\x08\x04" + part(2, part(1, part(1, b"image"))) + part(500, part(1)),
    "a solver's state": b"\x08\x07" + part(2, b"xx.caffemodel") + part(3),
    "a mean image": b"\x08\x01\x10\x03\x18\x02\x20\x02" + part(5, bytes(48)),
    "nothing but a name": part(1, b"net"),
    "a number where layers would be": part(1, b"net") + b"\xa0\x06\x01",
}


@pytest.mark.parametrize("kind", SMALLEST)
def test_the_smallest_files_are_known_and_what_is_cut_off_them_is_nobody_elses(kind: str) -> None:
    data, own = SMALLEST[kind]
    assert claims(data) == own
    for end in range(len(data)):
        assert claims(data[:end]).keys() <= own.keys(), end


@pytest.mark.parametrize("kind", OTHERS)
def test_other_messages_are_claimed_by_nobody(kind: str) -> None:
    assert claims(OTHERS[kind]) == {}


@pytest.mark.parametrize("make", [onnx, caffe2], ids=["onnx", "caffe2"])
def test_no_name_of_two_letters_makes_it_another_format(make: object) -> None:
    own = claims(make())  # type: ignore[operator]
    assert len(own) == 1
    others = [name for name in map("".join, product(LETTERS, repeat=2)) if claims(make(name)) != own]  # type: ignore[operator]
    assert others == []


def test_a_field_is_found_also_where_the_file_ends_in_it() -> None:
    for whole, own in (SMALLEST["onnx"], SMALLEST["caffemodel of weights"]):
        assert claims(whole[:-1]) == claims(whole[:-2]) == own
