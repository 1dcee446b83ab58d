import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.caffe2.schema import Argument, NetDef
from pipeline.errors import InvalidInputError
from pipeline.wire import scan
from pipeline.wire.scan import FIXED32, LENGTH_DELIMITED, VARINT, fields
from pipeline.wire.splice import length_delimited, packed_varints, varint

INT64 = st.integers(-(2**63), 2**63 - 1)


def scanned(data: bytes) -> list[scan.Field]:
    return list(fields(memoryview(data), 0, len(data)))


@given(st.lists(INT64), st.lists(st.floats(width=32)), st.text())
def test_what_protobuf_writes_is_read_the_same(ints, floats, name):
    data = memoryview(Argument(name=name, ints=ints, floats=floats).SerializeToString())
    found = {field.number: field for field in scanned(data)}
    assert scan.text(data, found[1]) == name
    assert scan.integers(data, [found[6]] if ints else []).tolist() == ints
    values = scan.numbers(data, [found[5]] if floats else [], "<f4")
    assert np.array_equal(values, np.array(floats, "f4"), equal_nan=True)


@given(st.lists(st.tuples(st.booleans(), st.lists(st.floats(width=32, allow_nan=False), max_size=40))))
def test_packed_and_unpacked_floats_mix_in_order(runs):
    data = b""
    for packed, values in runs:
        raw = np.array(values, "<f4")
        if packed:
            data += length_delimited(5, raw.nbytes) + raw.tobytes()
        else:
            data += b"".join(varint(5 << 3 | FIXED32) + value.tobytes() for value in raw)
    values = scan.numbers(memoryview(data), scanned(data), "<f4")
    assert values.tolist() == [value for _, values in runs for value in values]


def test_a_run_of_unpacked_floats_is_one_field_whatever_its_length():
    for count in (1, 2, 15, 16, 17, 127, 128, 129, 5000):
        raw = np.arange(count, dtype="<f4")
        data = b"\x10\x07" + b"".join(b"\x2d" + value.tobytes() for value in raw) + b"\x10\x07"
        first, run, last = scanned(data)
        assert (first.value, run.value, last.value) == (7, count, 7)
        assert scan.numbers(memoryview(data), [run], "<f4").tolist() == raw.tolist()


def test_one_packed_run_is_a_view_and_not_a_copy():
    raw = bytearray(length_delimited(5, 8) + np.array([1, 2], "<f4").tobytes())
    values = scan.numbers(memoryview(raw), scanned(raw), "<f4")
    raw[-4:] = np.array([9], "<f4").tobytes()
    assert values.tolist() == [1, 9]


@given(st.lists(INT64, max_size=30), st.lists(INT64, max_size=90))
def test_packed_and_unpacked_integers_mix_in_order(packed, unpacked):
    payload = packed_varints(packed)
    data = length_delimited(6, len(payload)) + payload
    data += b"".join(varint(6 << 3) + varint(value) for value in unpacked)
    assert scan.integers(memoryview(data), scanned(data)).tolist() == packed + unpacked


@pytest.mark.parametrize("number", [6, 9999])
def test_a_long_run_of_unpacked_integers_is_one_field_which_says_the_last(number):
    values = [value << value % 63 for value in range(20_000)]
    tag = varint(number << 3)
    data = b"".join(tag + varint(value & 2**64 - 1) for value in values)
    *first, run = found = scanned(data + b"\x08\x07")[:-1]
    assert len(first) == 32 and run.value == values[-1] & 2**64 - 1
    assert scan.integers(memoryview(data), found).view(np.uint64).tolist() == [value & 2**64 - 1 for value in values]


def test_damage_in_a_long_run_is_refused_with_its_offset():
    for end in (b"\x08\xff", b"\x08" + b"\xff" * 11):
        with pytest.raises(InvalidInputError) as caught:
            scanned(b"\x08\x01" * 1000 + end)
        assert caught.value.where == "byte 2001"


@given(st.integers(0, 2**64 - 1))
def test_varints_come_back(value):
    (field,) = scanned(varint(1 << 3) + varint(value))
    assert field == scan.Field(1, VARINT, value, 1, 1 + len(varint(value)))


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"\x08", 1),  # a tag without its number
        (b"\x08\xff", 1),  # a number that does not end
        (b"\x08" + b"\xff" * 11, 1),  # a number of eleven bytes
        (b"\x0a\x05abc", 0),  # a length past the end
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 0),  # a length past all memory
        (b"\x08\x01\x0d\x00\x00", 2),  # a float cut short
        (b"\x0b", 0),  # a group
        (b"\x0f", 0),  # no wire type
        (b"\x00\x00", 0),  # field number 0
    ],
)
def test_damage_is_refused_with_its_offset(data, offset):
    with pytest.raises(InvalidInputError) as caught:
        scanned(data)
    assert caught.value.where == f"byte {offset}"


@given(st.binary(max_size=200))
def test_any_bytes_are_fields_within_bounds_or_refused(data):
    try:
        found = scanned(data)
    except InvalidInputError:
        return
    assert all(0 <= field.start <= field.end <= len(data) for field in found)


@given(st.binary(max_size=60))
def test_any_packed_payload_gives_numbers_or_is_refused(payload):
    data = length_delimited(1, len(payload)) + payload
    for read in (scan.integers, lambda *given: scan.numbers(*given, "<f4"), lambda *given: scan.numbers(*given, "<f8")):
        try:
            read(memoryview(data), scanned(data))
        except InvalidInputError as error:
            assert error.where


def test_a_message_of_very_many_parts_is_refused_where_they_become_too_many_and_one_of_many_numbers_is_not():
    most, alone = 1 << 18, 33  # so many numbers are fields of their own before a run
    parts = [b"\x0a\x00" * (most - alone), b"\x10\x01" * (2 * most + alone)]
    assert len(scanned(b"".join(parts))) == most
    with pytest.raises(InvalidInputError, match="damaged") as refused:
        scanned(b"".join([*parts, b"\x0a\x00", b"no message"]))
    assert (refused.value.where, "262,144 parts" in refused.value.why) == (f"byte {6 * most}", True)


def test_a_field_of_another_wire_type_is_refused_where_a_certain_one_is_meant():
    view = memoryview(b"\x08\x01")
    (number,) = fields(view, 0, 2)
    for read in (scan.text, scan.payload, scan.inside):
        with pytest.raises(InvalidInputError):
            read(view, number)
    with pytest.raises(InvalidInputError):
        scan.numbers(view, [number], "<f4")
    view = memoryview(b"\x0d\x00\x00\x00\x00")
    with pytest.raises(InvalidInputError):
        scan.integers(view, fields(view, 0, 5))
    with pytest.raises(InvalidInputError):
        scan.numbers(view, fields(view, 0, 5), "<f8")


def test_text_that_is_not_utf8_is_refused():
    view = memoryview(b"\x0a\x01\xff")
    (name,) = fields(view, 0, 3)
    with pytest.raises(InvalidInputError, match="damaged"):
        scan.text(view, name)


def test_nested_messages_keep_offsets_of_the_whole_file():
    net = NetDef(name="n")
    net.op.add(type="Relu", input=["x"])
    view = memoryview(net.SerializeToString())
    _, op = fields(view, 0, len(view))
    assert op.wire_type == LENGTH_DELIMITED
    assert [scan.text(view, field) for field in scan.inside(view, op)] == ["x", "Relu"]
