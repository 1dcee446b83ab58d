from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.errors import UsageError
from pipeline.torch7.module import Module
from pipeline.torch7.objects import ELEMENTS, LuaFunction, Storage, Table, Tensor, TorchObject
from pipeline.torch7.reader import Encoding, load, read_bytes, read_file
from tests.torch7.writer import dumps, nn, save, sequential, storage, strided, tensor

ENCODINGS: list[dict[str, Any]] = [
    {},
    {"long_bytes": 4},
    {"byte_order": ">"},
    {"byte_order": ">", "long_bytes": 4},
    {"ascii": True},
    {"versions": False},
    {"ascii": True, "versions": False},
    {"references": False},
]
in_every_encoding = pytest.mark.parametrize("encoding", ENCODINGS, ids=str)


def read(value: Any, **encoding: Any) -> Any:
    return read_bytes(memoryview(dumps(value, **encoding))).root


def plain(value: Any) -> Any:
    """Lua values as Python values that compare by content."""
    if isinstance(value, Table):
        return {("bool", k) if isinstance(k, bool) else k: plain(v) for k, v in value.items()}
    if isinstance(value, TorchObject):
        return value.class_name, value.version, plain(value.fields)
    if isinstance(value, Tensor):
        return value.type_name, value.size, value.numpy().tolist()
    return value


@in_every_encoding
def test_a_network_reads_the_same_from_every_encoding(encoding):
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    net = sequential(
        nn("Linear", weight=weight, bias=np.float64([0.1, -1e300]), kW=3, p=0.5, train=False, name="fc é\n"),
        nn("SpatialBatchNormalization", version=2, output=np.zeros(0, np.float32)),
    )
    root = read(net, **encoding)
    assert root.class_name == "nn.Sequential"
    linear, norm = root.get("modules").array()
    assert linear.get("weight").numpy().tolist() == weight.tolist()
    assert linear.get("bias").numpy().tolist() == [0.1, -1e300]
    assert [linear.get(k) for k in ("kW", "p", "train", "name")] == [3, 0.5, False, "fc é\n"]
    assert norm.get("output").is_empty
    assert norm.get("output").numpy().shape == (0,)
    assert norm.version == (2 if encoding.get("versions", True) else 0)


@in_every_encoding
@pytest.mark.parametrize("prefix", ELEMENTS)
def test_every_tensor_class_is_read(prefix, encoding):
    values = [1, 0, 100, 7] if prefix.endswith("Byte") else [1, -2, 100, 7]
    code = ELEMENTS[prefix]
    tensor_read, storage_read = read(
        [tensor(np.array(values, code), prefix), storage(np.array(values, code), prefix)], **encoding
    ).array()
    assert tensor_read.type_name == f"torch.{prefix}Tensor"
    assert storage_read.type_name == f"torch.{prefix}Storage"
    assert tensor_read.numpy().tolist() == storage_read.data.tolist() == values
    width = encoding.get("long_bytes", 8) if code == "i8" else np.dtype(code).itemsize
    assert tensor_read.dtype.itemsize == width


def test_the_encoding_is_found_out():
    weights = {"w": tensor(np.ones((2, 3)))}
    for encoding, expected in (
        ({}, Encoding("binary", "<", 8)),
        ({"long_bytes": 4}, Encoding("binary", "<", 4)),
        ({"byte_order": ">"}, Encoding("binary", ">", 8)),
        ({"byte_order": ">", "long_bytes": 4}, Encoding("binary", ">", 4)),
        ({"ascii": True}, Encoding("ascii")),
    ):
        assert read_bytes(memoryview(dumps(weights, **encoding))).encoding == expected


@in_every_encoding
def test_bytes_behind_the_first_object_are_counted_and_left(encoding):
    data = dumps({"w": tensor(np.ones(3))}, **encoding)
    found = read_bytes(memoryview(data + b"garbage 1 2 3"))
    assert found.root["w"].numpy().tolist() == [1, 1, 1]
    assert found.trailing == 13
    assert found.size == len(data) + 13


def test_binary_storages_are_views_of_the_mapped_file(tmp_path):
    path = save(tmp_path / "net.t7", {"a": tensor(np.arange(1000.0)), "b": tensor(np.arange(10))})
    root = load(path)
    a = root["a"].numpy()
    assert np.shares_memory(a, root["a"].storage.data)
    assert not a.flags.owndata
    assert not a.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        a[0] = 1


@in_every_encoding
def test_windows_into_a_shared_storage_keep_their_place(encoding):
    flat = storage(np.arange(24.0))
    views = {
        "part": strided(flat, (2, 3), (3, 1), 4),
        "transposed": strided(flat, (4, 6), (1, 4)),
        "expanded": strided(flat, (2, 5), (1, 0), 3),
    }
    root = read(views, **encoding)
    assert root["part"].numpy().tolist() == [[4, 5, 6], [7, 8, 9]]
    assert root["transposed"].numpy().tolist() == np.arange(24).reshape(6, 4).T.tolist()
    assert root["expanded"].numpy().tolist() == [[3] * 5, [4] * 5]
    assert root["expanded"].stride == (1, 0)
    shared = root["part"].storage is root["transposed"].storage
    assert shared == encoding.get("references", True)


@pytest.mark.parametrize("encoding", [{}, {"ascii": True}])
def test_an_axis_of_size_1_may_have_any_stride(encoding):
    view = strided(storage(np.arange(3.0)), (1, 3), (2**63 - 1, 1))
    assert read({"view": view}, **encoding)["view"].numpy().tolist() == [[0, 1, 2]]


def test_the_same_object_twice_stays_one_object():
    module, weight = nn("Tanh"), tensor(np.ones(2))
    root = read({"a": module, "b": [module, weight], "c": weight})
    assert root["a"] is root["b"][1]
    assert root["c"] is root["b"][2]


def test_objects_that_lead_back_to_themselves_are_read():
    net = sequential(nn("Identity"))
    net.fields["me"] = net
    net.fields["modules"] = modules = Table({1: nn("Identity")})
    modules["parent"] = net
    table = Table({"net": net})
    table["self"] = table
    table[table] = "key"
    root = read(table)
    assert root["self"] is root
    assert root[root] == "key"
    assert root["net"].get("me") is root["net"]
    assert root["net"].get("modules")["parent"] is root["net"]


@in_every_encoding
def test_keys_of_every_kind_are_kept_apart(encoding):
    inner, thing = Table({1: "inner"}), nn("Tanh")
    names = ["one", "true", "zero", "false", "half", "text", "minus", "table", "object"]
    table = Table()
    for key, name in zip([1, True, 0, False, 0.5, "1", -3, inner, thing], names, strict=True):
        table[key] = name
    root = read([table, inner, thing], **encoding)
    read_table, read_inner, read_thing = root.array()
    assert list(read_table.values()) == names
    assert list(read_table)[:7] == [1, True, 0, False, 0.5, "1", -3]
    assert (read_table[1], read_table[True], read_table[0], read_table[False]) == ("one", "true", "zero", "false")
    if encoding.get("references", True):
        assert (read_table[read_inner], read_table[read_thing]) == ("table", "object")
    assert read_inner not in Table()


@in_every_encoding
def test_special_numbers_are_read(encoding):
    weird = [math.inf, -math.inf, math.nan, 1e-320, 2.0**60, -0.5]
    root = read(
        {"table": weird, "double": np.float64(weird), "float": np.float32([math.nan, -math.inf, 1e-40])}, **encoding
    )
    np.testing.assert_array_equal(root["table"].array(), weird)
    np.testing.assert_array_equal(root["double"].numpy(), weird)
    np.testing.assert_array_equal(root["float"].numpy(), np.float32([math.nan, -math.inf, 1e-40]))


@in_every_encoding
@pytest.mark.parametrize("text", ["", "\n", "\n\n", " 5\n", "a\0b", "\udcff\udc80", "日本"])
def test_strings_of_any_bytes_are_read(text, encoding):
    assert list(read({"a": text, text + "k": 1}, **encoding).items()) == [("a", text), (text + "k", 1)]


@in_every_encoding
def test_functions_are_skipped(encoding):
    function = LuaFunction(0)
    root = read({"f": function, "g": function, "after": 1}, **encoding)
    assert isinstance(root["f"], LuaFunction)
    assert root["after"] == 1


def test_functions_of_old_files_are_skipped():
    upvalues = b"\3\0\0\0\x63\0\0\0\0\0\0\0"
    code = b"\4\0\0\0\x1bLua" + upvalues
    table = b"\3\0\0\0\1\0\0\0\2\0\0\0"
    one, two = dumps(1), dumps(2)
    oldest = table + one + b"\6\0\0\0" + code + two + one
    legacy = table + one + b"\7\0\0\0\5\0\0\0" + code + two + b"\7\0\0\0\5\0\0\0"
    root = read_bytes(memoryview(oldest)).root
    assert isinstance(root[1], LuaFunction)
    assert root[2] == 1
    root = read_bytes(memoryview(legacy)).root
    assert root[1] is root[2]


@in_every_encoding
def test_classes_that_write_their_own_payload_are_read(encoding):
    inner = sequential(nn("Tanh"))
    values = [
        nn("nn.GPU", modules=[inner], device=1),
        nn("nn.DataParallelTable", version=3, modules=[inner], dimension=1),
        nn("torch.Timer"),
        nn("torch.Generator"),
        TorchObject("tds.Hash", 0, Table({"a": 1, 2: "b"})),
        TorchObject("tds.Vec", 0, Table({1: "x", 2: "y"})),
        "the end",
    ]
    gpu, parallel, timer, generator, hashed, vector, end = read(values, **encoding).array()
    assert gpu.get("device") == 1
    assert parallel.get("dimension") == 1
    assert [m.class_name for m in parallel.get("modules").array()] == ["nn.Sequential"]
    assert (timer.class_name, generator.class_name) == ("torch.Timer", "torch.Generator")
    assert hashed.fields["a"] == 1
    assert hashed.fields[2] == "b"
    assert vector.fields.array() == ["x", "y"]
    assert end == "the end"


def test_an_old_data_parallel_table_has_one_object():
    assert read(nn("DataParallelTable", version=1, dimension=2)).get("dimension") == 2


@pytest.mark.parametrize("encoding", [{}, {"ascii": True}], ids=str)
def test_ten_thousand_nested_modules_are_read(encoding):
    net = nn("Identity")
    for _ in range(10_000):
        net = sequential(net)
    depth, inner = 0, read(net, **encoding)
    while inner.class_name == "nn.Sequential":
        depth, inner = depth + 1, inner.get("modules")[1]
    assert depth == 10_000


def test_offsets_are_the_bytes_where_objects_begin():
    data = dumps({"a": nn("Tanh"), "w": tensor(np.ones(3))})
    root = read_bytes(memoryview(data)).root
    assert data[root["a"].offset :].startswith(b"\4\0\0\0\2\0\0\0\3\0\0\0V 1\7\0\0\0nn.Tanh")
    assert data[root["w"].storage.offset + 15 :].startswith(b"\x13\0\0\0torch.DoubleStorage")


def test_ascii_numbers_may_stand_on_lines_of_their_own():
    one_line = dumps(tensor(np.arange(200_000, dtype=np.float32)), ascii=True)
    lines = one_line.replace(b"0 1 2", b"0\n1\n2", 1)
    for data in (one_line, lines):
        assert read_bytes(memoryview(data)).root.numpy().tolist() == list(range(200_000))


def test_a_missing_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError):
        read_file(tmp_path / "missing.t7")


def test_the_sign_of_a_zero_is_kept_and_it_is_a_whole_number():
    module = Module(read(nn("Reshape", size={1: -0.0, 2: 3}, pad=-0.0)))
    assert math.copysign(1, module.float("pad")) == -1
    assert (module.int("pad"), module.sizes("size")) == (0, (0, 3))


scalars = st.none() | st.booleans() | st.floats() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
keys = st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.floats(0.1, 0.9)
tensors = arrays.arrays(
    st.sampled_from([np.dtype(c) for c in ("u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8")]),
    arrays.array_shapes(max_dims=4, max_side=4),
    elements={"allow_nan": False, "allow_subnormal": False, "min_value": 0, "max_value": 100},
)
values = st.recursive(
    scalars | tensors,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4)
        | st.builds(lambda f: nn("Some", **f), st.dictionaries(st.text(max_size=5), inner, max_size=3))
    ),
    max_leaves=12,
)


def expected(value: Any) -> Any:
    match value:
        case list():
            return {n: expected(v) for n, v in enumerate(value, 1) if v is not None}
        case dict() | Table():
            pairs = {("bool", k) if isinstance(k, bool) else k: expected(v) for k, v in value.items()}
            return {k: v for k, v in pairs.items() if v is not None}
        case TorchObject():
            return value.class_name, value.version, expected(value.fields)
        case np.ndarray():
            return tensor(value).type_name, value.shape, value.tolist()
    return value


@settings(max_examples=60, deadline=None)
@example(-0.0, {})
@given(values, st.sampled_from(ENCODINGS[:5]))
def test_whatever_is_written_is_read(value, encoding):
    np.testing.assert_equal(plain(read(value, **encoding)), expected(value))
    assert isinstance(read(storage(np.ones(1)), **encoding), Storage)
