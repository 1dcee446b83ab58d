from __future__ import annotations

import contextlib
import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import InvalidInputError
from pipeline.torch7.decoding import MAX_DEPTH
from pipeline.torch7.objects import Storage, TorchObject
from pipeline.torch7.reader import load, read_bytes
from tests.support import allocating_less_than
from tests.torch7.writer import dumps, nn, save, sequential, storage, strided, tensor

NET = sequential(nn("Linear", weight=np.ones((2, 3), np.float32), bias=np.ones(2, np.float32), name="fc"), nn("Tanh"))
ENCODINGS = [{}, {"long_bytes": 4}, {"byte_order": ">"}, {"ascii": True}]
in_every_encoding = pytest.mark.parametrize("encoding", ENCODINGS, ids=str)


def refusal(data: bytes) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        read_bytes(memoryview(data))
    return caught.value


def i4(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}i", *numbers)


def i8(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *numbers)


def text(value: str) -> bytes:
    return i4(len(value)) + value.encode()


def tensor_bytes(ndim=2, size=(2, 2), stride=(2, 1), offset=1, count=4, storage_class="torch.FloatStorage"):
    head = i4(4, 1) + text("V 1") + text("torch.FloatTensor") + i4(ndim) + i8(*size) + i8(*stride) + i8(offset)
    if storage_class is None:
        return head + i4(0)
    return head + i4(4, 2) + text("V 1") + text(storage_class) + i8(count) + struct.pack("<4f", 1, 2, 3, 4)


def test_the_sound_tensor_is_read():
    assert read_bytes(memoryview(tensor_bytes())).root.numpy().tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ndim": -1}, "dimensions"),
        ({"ndim": 1 << 30}, "dimensions"),
        ({"size": (-2, 2)}, "size"),
        ({"size": (0, 2)}, "size"),
        ({"size": (1 << 62, 4)}, "reaches"),
        ({"stride": (-2, -1), "offset": 4}, "stride"),
        ({"stride": (1 << 62, 1)}, "reaches"),
        ({"offset": 0}, "offset"),
        ({"offset": -(1 << 63)}, "offset"),
        ({"offset": 2}, "reaches"),
        ({"offset": 1 << 62}, "reaches"),
        ({"size": (1 << 40, 1 << 20), "stride": (0, 0)}, "repeats"),
        ({"count": 5}, "left"),
        ({"count": 1 << 60}, "left"),
        ({"count": -1}, "announces"),
        ({"count": -(1 << 63)}, "announces"),
        ({"storage_class": None}, "storage of 0"),
        ({"storage_class": "torch.IntStorage"}, "instead of"),
        ({"storage_class": "nn.Tanh"}, ""),
    ],
)
def test_a_tensor_that_leaves_its_storage_is_refused(change, why):
    assert why in refusal(tensor_bytes(**change)).why


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (i4(3, 1, 0x7FFFFFFF) + bytes(100), "a table announces 2147483647 entries"),
        (i4(3, 1, -7), "announces -7"),
        (i4(3, 1, 1, 0) + bytes(20), "key is nil"),
        (i4(3, 1, 1, 1) + struct.pack("<d", np.nan) + i4(0), "not a number"),
        (i4(2, -1) + b"abc", "announces -1 bytes"),
        (i4(2, 0x7FFFFFFF) + b"abc", "announces 2147483647 bytes"),
        (i4(3, 1, 1, 5, 2, 0), "a boolean is 2"),
        (i4(3, 1, 1, 9, 0, 0), "9 is no type"),
        (i4(3, 1, 1, -1, 0, 0), "-1 is no type"),
        (i4(4, 1) + text("V 999999999999") + text("nn.Tanh") + i4(3, 2, 0), "no version"),
        (i4(4, 1) + text("V 1_0") + text("nn.Tanh") + i4(3, 2, 0), "no version"),
        (i4(4, 1) + text("V 1") + text("") + i4(3, 2, 0), "no name"),
        (i4(4, 1) + text("V 1") + text("nn.Tanh") + i4(5, 1), "instead of a table of fields"),
        (i4(4, 1) + text("V 1") + text("torch.FloatTensor") + i4(0) + i8(1) + i4(4, 1), "contain itself"),
        (i4(4, 1) + text("V 1") + text("torch.Generator") + bytes(50), "5048 bytes"),
        (i4(4, 1) + text("V 1") + text("tds.Hash") + i8(1 << 50), "announces 1125899906842624"),
        (i4(4, 1) + text("V 1") + text("tds.Hash") + i8(1) + i4(3, 2, 0, 0), "key of tds.Hash"),
        (i4(3, 1, 1, 3, 99, 0), "the file ends"),
    ],
)
def test_what_no_torch_writes_is_refused(data, why):
    assert why in refusal(data).why


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"3\n1\n99999999\n", "announces 99999999"),
        (b"2\n-4\nabcd\n", "announces -4"),
        (b"1\nx\n", "a number is expected"),
        (b"1\n0x10\n", "a number is expected"),
        (b"1\n1_0\n", "a number is expected"),
        (b"3\n1\n1.5\n", "a whole number is expected"),
        (b"3\n1\n" + b"9" * 5000, "a whole number is expected"),
        (b"4\n1\n3\nV 1\n18\ntorch.FloatStorage\n3\n1.5 2.5\n", "only 2 are there"),
        (b"4\n1\n3\nV 1\n18\ntorch.FloatStorage\n3\n1 2 3 4\n", "more are there"),
        (b"4\n1\n3\nV 1\n18\ntorch.FloatStorage\n3\n1 2 x\n", "something else"),
        (b"4\n1\n3\nV 1\n18\ntorch.FloatStorage\n2\n \n   \n", "only 0 are there"),
        (b"4\n1\n3\nV 1\n16\ntorch.IntStorage\n2\n1 99999999999\n", "beyond its range"),
        (b"4\n1\n3\nV 1\n16\ntorch.IntStorage\n2\n1 -\n", "something else"),
        (b"4\n1\n3\nV 1\n16\ntorch.IntStorage\n2\n1 1.5\n", "something else"),
        (b"4\n1\n3\nV 1\n17\ntorch.CharStorage\n9\nabc\n", "announces 9"),
        (b"4\n1\n3\nV 1\n18\ntorch.FloatStorage\n1152921504606846976\n1 2\n", "announces 1152921504606846976"),
    ],
)
def test_damaged_ascii_is_refused(data, why):
    assert why in refusal(data).why


@in_every_encoding
def test_a_file_cut_anywhere_is_refused(encoding):
    data = dumps(NET, **encoding)
    for length in range(len(data)):
        # Nobody can tell that digits are missing at the end of an ascii file, nor does the last newline matter.
        if not (encoding.get("ascii") and data[length : length + 1] in b"0123456789\n"):
            refusal(data[:length])


@in_every_encoding
def test_a_flipped_bit_is_refused_or_read_but_never_crashes(encoding):
    data = bytearray(dumps(NET, **encoding))
    dice = random.Random(7)
    for _ in range(1500):
        place, mask = dice.randrange(len(data)), 1 << dice.randrange(8)
        data[place] ^= mask
        with contextlib.suppress(InvalidInputError):
            touch(read_bytes(memoryview(bytes(data))).root)
        data[place] ^= mask


def touch(root: object) -> None:
    """Read every number that a damaged file still gives."""
    waiting, seen = [root], set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, TorchObject):
            waiting.append(value.fields)
        elif hasattr(value, "items"):
            waiting.extend(inner for pair in value.items() for inner in pair)
        elif hasattr(value, "numpy"):
            assert value.numpy().size < 1 << 31
        elif isinstance(value, Storage):
            assert value.data.sum() is not None


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([b"", b"\4\0\0\0", b"\3\0\0\0\1\0\0\0", b"4\n1\n", b"\0\0\0\4"]), st.binary(max_size=200))
def test_random_bytes_are_refused_or_read_but_never_crash(head, tail):
    try:
        touch(read_bytes(memoryview(head + tail)).root)
    except InvalidInputError as error:
        assert error.what


def test_the_error_names_the_file_the_object_and_the_byte(tmp_path):
    data = dumps({"model": sequential(nn("Tanh"), nn("Linear", weight=np.ones(1000)))})
    path = tmp_path / "net.t7"
    path.write_bytes(data[:-500])
    with pytest.raises(InvalidInputError) as caught:
        load(path)
    start = data.index(struct.pack("<qd", 1000, 1.0)) + 8
    assert caught.value.what == "the file is cut short, or damaged"
    assert caught.value.where == f"{path}, model.modules[2].weight.storage, byte {start} of {len(data) - 500}"
    assert caught.value.why == "a storage announces 1000 elements of 8 bytes, 7500 bytes are left"


def test_the_error_of_a_tensor_names_its_first_byte():
    net = {"w": strided(storage(np.ones(4)), (5,), (1,))}
    error = refusal(dumps(net))
    assert error.where == f"w, byte 21 of {len(dumps(net))}"
    assert "reaches element 5 of a storage of 4" in error.why


def test_nothing_is_allocated_for_what_is_only_announced():
    bombs = [
        tensor_bytes(count=1 << 60),
        tensor_bytes(size=(1 << 40, 1 << 20), stride=(0, 0)),
        i4(3, 1, 0x7FFFFFFF) + bytes(1000),
        i4(2, 0x7FFFFFFF) + bytes(1000),
        b"4\n1\n3\nV 1\n18\ntorch.FloatStorage\n4611686018427387904\n1 2\n",
    ]
    with allocating_less_than(1 << 20):
        for bomb in bombs:
            refusal(bomb)


def test_nesting_beyond_what_torch_can_write_is_refused():
    levels = MAX_DEPTH + 10
    one = dumps(1)
    data = b"".join(i4(3, n + 1, 1) + one for n in range(levels)) + i4(0)
    error = refusal(data)
    assert "nested more than" in error.why
    assert len(error.where) < 300


def test_a_damaged_file_is_not_read_with_the_other_size_of_longs():
    # With longs of 4 bytes the same sizes would be 2 and 0, the strides 2 and 0, the storage nil.
    assert "left" in refusal(tensor_bytes(count=1 << 60)).why
    assert refusal(tensor_bytes(size=(-2, 2))).why.startswith("torch.FloatTensor has size (-2, 2)")


def test_a_file_in_use_keeps_its_map_after_the_reader_is_gone(tmp_path):
    path = save(tmp_path / "net.t7", {"w": tensor(np.arange(5000.0))})
    weight = load(path)["w"]
    assert weight.numpy().sum() == np.arange(5000.0).sum()
