import errno
import os

import numpy as np
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.errors import MachineError, UnsupportedError
from pipeline.wire.kernel import LARGE
from pipeline.wire.mapped import map_file
from pipeline.wire.splice import CHUNK, Floats, check_size, float_bytes, message, packed_varints, total, write


def joined(array) -> bytes:
    return b"".join(bytes(chunk) for chunk in float_bytes(array))


@given(
    arrays.arrays(
        st.sampled_from(["<f2", "<f4", ">f4", "<f8", ">f8"]),
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
        elements=st.floats(-100, 100, width=16),
    ),
    st.randoms(),
)
def test_floats_of_any_type_and_strides_become_float32_in_c_order(array, random):
    axes = list(range(array.ndim))
    random.shuffle(axes)
    view = array.transpose(axes)[tuple(slice(None, None, random.choice([1, -1, 2])) for _ in axes)]
    assert joined(view) == np.ascontiguousarray(view, "<f4").tobytes()
    assert len(Floats(view)) == len(joined(view))


def test_contiguous_float32_is_written_from_where_it_lies():
    array = np.arange(12, dtype="<f4").reshape(3, 4)
    (chunk,) = float_bytes(array)
    assert np.shares_memory(np.frombuffer(chunk, "<f4"), array)


def test_unaligned_views_are_written_from_where_they_lie_too():
    memory = bytearray(b"x" + np.arange(5, dtype="<f4").tobytes())
    array = np.frombuffer(memory, "<f4", 5, 1)
    (chunk,) = float_bytes(array)
    assert np.shares_memory(np.frombuffer(chunk, np.uint8), np.frombuffer(memory, np.uint8))


def test_conversion_takes_a_chunk_at_once():
    array = np.broadcast_to(np.float64(3), (3, CHUNK // 4))
    sizes = [len(chunk) for chunk in float_bytes(array)]
    assert max(sizes) <= CHUNK
    assert sum(sizes) == array.size * 4


def test_special_numbers_survive():
    array = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45, 1e300], "f8")
    with np.errstate(over="ignore"):
        assert joined(array) == array.astype("<f4").tobytes()


def test_parts_are_written_in_order_and_their_size_known_before(tmp_path):
    parts = message(5, [b"ab", Floats(np.ones((2, 3), "f8").T)])
    write(tmp_path / "file", parts)
    data = (tmp_path / "file").read_bytes()
    assert data == b"\x2a\x1aab" + np.ones(6, "<f4").tobytes()
    assert total(parts) == len(data)


def parts_of_a_mapped_file(tmp_path, dtype):
    numbers = np.random.default_rng(0).random(LARGE // 4 + 1000).astype(dtype)
    (tmp_path / "source").write_bytes(b"abc" + numbers.tobytes())
    mapped = np.frombuffer(map_file(tmp_path / "source"), dtype, offset=3)[7:].reshape(-1, 1)
    return [b"head", Floats(mapped), b"tail"], b"head" + numbers[7:].astype("<f4").tobytes() + b"tail"


@pytest.mark.parametrize("dtype", ["<f4", "<f8", ">f4"])
def test_large_weights_of_a_mapped_file_are_written_and_digested(tmp_path, dtype):
    parts, expected = parts_of_a_mapped_file(tmp_path, dtype)
    digest = write(tmp_path / "file", parts)
    assert (tmp_path / "file").read_bytes() == expected
    assert digest == (blake3(expected).hexdigest(), len(expected))


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_progress_is_told_step_by_step_up_to_the_whole(tmp_path, monkeypatch, dtype):
    monkeypatch.setattr("pipeline.wire.splice.STEP", 100_000)
    parts, expected = parts_of_a_mapped_file(tmp_path, dtype)
    told = []
    write(tmp_path / "file", parts, lambda done, size, unit: told.append((done, size, unit)))
    assert (tmp_path / "file").read_bytes() == expected
    assert len(told) > len(expected) // 100_000
    assert told == sorted(told)
    assert told[-1] == (len(expected), len(expected), "bytes")


@pytest.mark.skipif(not hasattr(os, "copy_file_range"), reason="this system cannot copy inside the kernel")
def test_what_the_kernel_leaves_is_written_from_memory(tmp_path, monkeypatch):
    parts, expected = parts_of_a_mapped_file(tmp_path, "<f4")
    copy, calls = os.copy_file_range, []

    def stops_halfway(source, target, count, offset):
        calls.append(count)
        if len(calls) == 2:
            raise OSError(errno.EXDEV, "not here")
        return copy(source, target, 1000, offset)

    monkeypatch.setattr(os, "copy_file_range", stops_halfway)
    write(tmp_path / "file", parts)
    assert (tmp_path / "file").read_bytes() == expected
    assert len(calls) == 2


def test_two_gibibytes_are_refused_naming_the_size():
    parts = [b"head", Floats(np.broadcast_to(np.float32(0), (1 << 29,)))]
    with pytest.raises(UnsupportedError) as caught:
        check_size("model.caffemodel", total(parts))
    assert "model.caffemodel" in caught.value.what
    assert "2,147,483,652 bytes" in caught.value.problems[0].reason


def test_exactly_two_gibibytes_are_refused_and_one_byte_less_is_taken():
    with pytest.raises(UnsupportedError):
        check_size("model.caffemodel", 1 << 31)
    check_size("model.caffemodel", (1 << 31) - 1)


def test_a_place_that_cannot_be_written_is_the_machines_fault(tmp_path):
    with pytest.raises(MachineError, match="cannot be written"):
        write(tmp_path / "missing" / "file", [b""])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this machine has no /dev/full")  # noqa: PTH110
def test_a_full_disk_is_the_machines_fault():
    from pathlib import Path

    with pytest.raises(MachineError) as caught:
        write(Path("/dev/full"), [Floats(np.zeros(100_000, "f4"))])
    assert "space" in caught.value.why


def test_negative_integers_are_two_complement():
    assert packed_varints([-1, 300]) == b"\xff" * 9 + b"\x01" + b"\xac\x02"
