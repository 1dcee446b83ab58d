import io
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest

from pipeline.errors import InvalidInputError, UsageError
from pipeline.graph.builder import Builder
from pipeline.verification.feeds import input_shapes, random_inputs, read_reference
from tests.graph.test_input_types import lookup
from tests.support import allocating_less_than
from tests.torch7.writer import save


def test_random_inputs_are_those_of_the_seed_and_indices_stay_in_their_table():
    first, again, other = (random_inputs(lookup(), seed) for seed in (1, 1, 2))
    for a, b in zip(first.inputs, again.inputs, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.inputs[0], other.inputs[0]) or not np.array_equal(first.inputs[1], other.inputs[1])
    assert set(np.unique(first.inputs[0])) <= {1.0, 2.0, 3.0, 4.0, 5.0}


def test_a_reference_gives_inputs_and_outputs_in_order(tmp_path):
    path = tmp_path / "io.npz"
    np.savez(path, in0=np.ones((2, 3)), in1=np.ones(1), out0=np.zeros((2, 3, 2)))
    reference = read_reference(path, lookup())
    assert [array.shape for array in reference.inputs] == [(2, 3), (1,)]
    assert [array.dtype for array in (*reference.inputs, *reference.outputs)] == [np.float32] * 3


def test_a_reference_tells_the_shapes_of_its_inputs(tmp_path):
    path = tmp_path / "io.npz"
    np.savez(path, in0=np.ones((2, 3)), in1=np.ones(1), out0=np.zeros((2, 3, 2)))
    assert input_shapes(path) == ((2, 3), (1,))


def test_a_reference_of_other_shapes_names_both(tmp_path):
    path = tmp_path / "io.npz"
    np.savez(path, in0=np.ones((2, 4)), in1=np.ones(1))
    with pytest.raises(UsageError, match="2x4, but the network takes 2x3"):
        read_reference(path, lookup())


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is an empty file, and no reference"),
        (b"no zip", "is a text file, and no reference"),
        (b"\x89PNG\r\n\x1a\n", "is a PNG image, and no reference"),
        (b"\xff" * 9, "is no reference"),
        (b"PK\x03\x04broken", "cannot be read as npz"),
    ],
)
def test_a_file_that_is_no_reference_is_named(tmp_path, content, what):
    path = tmp_path / "io.npz"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=what):
        read_reference(path, lookup())


def test_a_file_of_other_arrays_is_no_reference(tmp_path):
    np.savez(tmp_path / "io.npz", weight=np.ones(3))
    with pytest.raises(InvalidInputError, match="is no reference") as caught:
        read_reference(tmp_path / "io.npz", lookup())
    assert "in0" in caught.value.why


def test_what_a_reference_is_called_does_not_matter(tmp_path):
    np.savez(tmp_path / "io.npz", in0=np.ones((2, 3)), in1=np.ones(1))
    (tmp_path / "io.npz").rename(tmp_path / "io.t7")
    save(tmp_path / "io.npz", [[np.ones((2, 3)), np.ones(1)], np.zeros((2, 3, 2))])
    for name in ("io.t7", "io.npz"):
        assert [array.shape for array in read_reference(tmp_path / name, lookup()).inputs] == [(2, 3), (1,)]


def test_a_pickle_is_not_loaded(tmp_path):
    path = tmp_path / "io.npz"
    np.savez(path, in0=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidInputError):
        read_reference(path, lookup())


def _saved(path, header: dict) -> None:
    """Write an npz whose only array has this header, and no data."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"fortran_order": False, **header})
    with ZipFile(path, "w") as archive:
        archive.writestr("in0.npy", stream.getvalue())


@pytest.mark.parametrize("descr", ["<U5", "|S3", "<c8", "<M8[s]", "|V4", [("a", "<f4")]])
def test_an_array_of_anything_but_numbers_is_refused(tmp_path, descr):
    _saved(tmp_path / "io.npz", {"descr": descr, "shape": (2, 3)})
    with pytest.raises(InvalidInputError):
        read_reference(tmp_path / "io.npz", lookup())


@pytest.mark.parametrize("shape", [(10**6, 10**6), (1,) * 100, (2, 3, 10**9)])
def test_an_array_larger_than_the_network_takes_is_refused_by_its_header(tmp_path, shape):
    _saved(tmp_path / "io.npz", {"descr": "<f4", "shape": shape})
    with pytest.raises(UsageError, match=r"the number of inputs in io\.npz is 1, but the network takes 2"):
        read_reference(tmp_path / "io.npz", lookup())


def test_a_shape_that_does_not_fit_is_told_with_what_to_do(tmp_path):
    net = Builder()
    x = net.input("x", (1, 1, 32, 32))
    _saved(tmp_path / "io.npz", {"descr": "<f4", "shape": (2, 1, 32, 32)})
    with pytest.raises(UsageError) as failure:
        read_reference(tmp_path / "io.npz", net.finish([x]))
    assert failure.value.what == "input in0 of io.npz is 2x1x32x32, but the network takes 1x1x32x32"
    assert failure.value.where == str(tmp_path / "io.npz")
    assert failure.value.advice.endswith("or convert it for these shapes: --input 2x1x32x32")


def test_an_array_that_is_shorter_than_its_header_says_is_refused(tmp_path):
    net = Builder()
    x = net.input("x", (2, 3))
    _saved(tmp_path / "io.npz", {"descr": "<f4", "shape": (2, 3)})
    with pytest.raises(InvalidInputError):
        read_reference(tmp_path / "io.npz", net.finish([x]))


def test_what_torch7_saved_of_inputs_and_outputs_is_a_reference_too(tmp_path):
    inputs, output = [np.full((2, 3), 2.0), [np.ones(1, np.float32)]], np.zeros((2, 3, 2))
    reference = read_reference(save(tmp_path / "io.t7", [inputs, output]), lookup())
    assert [array.shape for array in (*reference.inputs, *reference.outputs)] == [(2, 3), (1,), (2, 3, 2)]
    assert [array.dtype for array in (*reference.inputs, *reference.outputs)] == [np.float32] * 3
    np.testing.assert_array_equal(reference.inputs[0], inputs[0])


@pytest.mark.parametrize("saved", [np.ones(3), [np.ones(3)], [np.ones(3), "out"], {"x": np.ones(3)}])
def test_another_file_of_torch7_is_no_reference(tmp_path, saved):
    with pytest.raises(InvalidInputError, match="is no reference"):
        read_reference(save(tmp_path / "io.t7", saved), lookup())


def test_a_header_that_says_it_is_long_is_not_unpacked(tmp_path):
    head = b"\x93NUMPY\x02\x00" + (1 << 31).to_bytes(4, "little")
    with ZipFile(tmp_path / "io.npz", "w", ZIP_DEFLATED) as archive, archive.open("in0.npy", "w") as stream:
        stream.write(head)
        for _ in range(256):
            stream.write(bytes(1 << 20))
    with allocating_less_than(10 << 20), pytest.raises(InvalidInputError):
        read_reference(tmp_path / "io.npz", lookup())
