import numpy as np
import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.caffe2.fills import init_parts, scan_fills
from pipeline.caffe2.schema import Argument, NetDef, OperatorDef
from pipeline.errors import InvalidInputError, PipelineError, UnsupportedError
from pipeline.wire.splice import float_bytes, length_delimited

WEIGHTS = {
    "w": np.arange(6, dtype="f8").reshape(2, 3).T,
    "half": np.array([0.5, 1], "f2"),
    "index": np.array([3, -1], "i4"),
    "long": np.array([[2**40]], "i8"),
    "scalar": np.array(2, "f4"),
    "none": np.zeros((0, 3), "f4"),
}


def written(weights) -> bytes:
    (parts,) = init_parts("net_init", weights)
    return b"".join(p if isinstance(p, bytes) else b"".join(map(bytes, float_bytes(p.array))) for p in parts)


def scanned(text: str) -> dict[str, np.ndarray]:
    return scan_fills(memoryview(text_format.Parse(text, NetDef()).SerializeToString()))


def test_parameters_come_back_in_order_with_their_types():
    back = scan_fills(memoryview(written(WEIGHTS)))
    assert list(back) == list(WEIGHTS)
    assert [array.dtype for array in back.values()] == ["f4", "f4", "i4", "i8", "f4", "f4"]
    for name, array in WEIGHTS.items():
        assert back[name].shape == array.shape
        assert np.array_equal(back[name], array)


def test_an_init_net_is_what_protobuf_itself_writes():
    net = NetDef(name="net_init")
    for name, array in WEIGHTS.items():
        floating = array.dtype.kind == "f"
        kind = {"f": "GivenTensorFill", "i4": "GivenTensorIntFill", "i8": "GivenTensorInt64Fill"}
        op = net.op.add(output=[name], type=kind["f" if floating else array.dtype.str[1:]])
        op.arg.add(name="shape", ints=array.shape)
        op.arg.add(name="values", **{"floats" if floating else "ints": array.ravel().tolist()})
    assert written(WEIGHTS) == net.SerializeToString(deterministic=True)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=5),
        arrays.arrays(st.sampled_from(["<f4", "<i4", "<i8"]), arrays.array_shapes(min_dims=0, min_side=0)),
        max_size=4,
    )
)
def test_any_parameters_come_back(weights):
    back = scan_fills(memoryview(written(weights)))
    assert list(back) == list(weights)
    assert all(np.array_equal(back[name], array, equal_nan=array.dtype.kind == "f") for name, array in weights.items())


def test_floats_are_views_of_the_file():
    memory = bytearray(written({"w": np.ones(3, "f4")}))
    weights = scan_fills(memoryview(memory))
    memory[-4:] = np.float32(5).tobytes()
    assert weights["w"].tolist() == [1, 1, 5]


def test_unpacked_floats_of_other_writers_are_read():
    values = b"".join(b"\x2d" + np.float32(value).tobytes() for value in range(4))
    shape = Argument(name="shape").SerializeToString() + b"\x30\x02\x30\x02"
    op = OperatorDef(type="GivenTensorFill", output=["w"]).SerializeToString()
    for argument in (shape, Argument(name="values").SerializeToString() + values):
        op += length_delimited(5, len(argument)) + argument
    net = length_delimited(2, len(op)) + op
    assert scan_fills(memoryview(net))["w"].tolist() == [[0, 1], [2, 3]]


def test_constants_take_no_memory_whatever_their_shape():
    weights = scanned(
        """op { type: "ConstantFill" output: "a" arg { name: "shape" ints: [30000, 30000] } arg { name: "value" f: 2 } }
        op { type: "ConstantFill" output: "b" arg { name: "shape" ints: 2 } }
        op { type: "ConstantFill" output: "c" arg { name: "shape" ints: 2 } arg { name: "dtype" i: 10 }
             arg { name: "value" i: -7 } }"""
    )
    assert weights["a"].shape == (30000, 30000)
    assert weights["a"].strides == (0, 0)
    assert weights["a"][5, 5] == 2
    assert weights["b"].tolist() == [0, 0]
    assert weights["c"].tolist() == [-7, -7]
    assert [array.dtype for array in weights.values()] == ["f4", "f4", "i8"]


def test_every_operator_that_gives_no_numbers_is_named():
    with pytest.raises(UnsupportedError) as caught:
        scanned(
            """op { type: "XavierFill" output: "w" } op { type: "GivenTensorFill" input: "x" output: "v" }
            op { type: "ConstantFill" output: "a" output: "b" }"""
        )
    assert [problem.origin for problem in caught.value.problems] == [
        "init_net's XavierFill",
        "init_net's GivenTensorFill",
        "init_net's ConstantFill",
    ]


def test_a_constant_of_another_type_is_refused():
    with pytest.raises(UnsupportedError):
        scanned('op { type: "ConstantFill" output: "a" arg { name: "dtype" i: 5 } }')


@pytest.mark.parametrize("shape", ["ints: 3", "ints: -1 ints: -2", "ints: 4611686018427387904 ints: 4", ""])
def test_numbers_that_do_not_fill_their_shape_are_refused(shape):
    with pytest.raises(InvalidInputError) as caught:
        scanned(
            'op { type: "GivenTensorFill" output: "w" arg { name: "values" floats: [1, 2] }'
            f'arg {{ name: "shape" {shape} }} }}'
        )
    assert caught.value.where.startswith("GivenTensorFill of w, byte ")


def test_of_two_fills_of_one_blob_the_last_counts():
    weights = scanned(
        """op { type: "ConstantFill" output: "a" arg { name: "shape" ints: 1 } }
        op { type: "GivenTensorFill" output: "a" arg { name: "shape" ints: 1 } arg { name: "values" floats: 3 } }"""
    )
    assert weights["a"].tolist() == [3]


def survives(data: bytes) -> None:
    try:
        for array in scan_fills(memoryview(data)).values():
            assert array.size < 1 << 31
    except PipelineError:
        pass


def test_a_file_cut_or_with_any_bit_flipped_is_read_or_refused():
    data = bytearray(written({"w": np.arange(2, dtype="f4"), "i": np.arange(2)}))
    for end in range(len(data)):
        survives(bytes(data[:end]))
    for bit in range(len(data) * 8):
        data[bit // 8] ^= 1 << bit % 8
        survives(bytes(data))
        data[bit // 8] ^= 1 << bit % 8
