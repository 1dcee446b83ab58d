import contextlib
import itertools
import math
import re
import sys
import zlib

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.caffe.files import read_pair, read_weights
from pipeline.errors import InvalidInputError, OverBudget, PipelineError, UsageError
from tests.support import allocating_less_than

h5py = pytest.importorskip("h5py")


@pytest.fixture
def path(tmp_path):
    """A file as Caffe writes it, but for one layer of doubles and one that is compressed."""
    path = tmp_path / "weights.of.any.name"
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.create_group("relu")
        data["conv/0"] = np.arange(12, dtype="f4").reshape(3, 2, 2)
        data["conv/1"] = np.array([1, 2, 3], "f4")
        data["double/0"] = np.array([0.1], "f8")
        data.create_dataset("packed/0", data=np.ones((8, 8), "f4"), compression="gzip")
        data["many/0"] = np.float32(0)
        for index in range(1, 12):
            data[f"many/{index}"] = np.float32(index)
    return path


def test_blobs_are_read_by_layer_and_index(path):
    blobs = read_weights(path)
    assert sorted(blobs) == ["conv", "double", "many", "packed"]
    assert np.array_equal(blobs["conv"][0].array, np.arange(12).reshape(3, 2, 2))
    assert blobs["conv"][1].array.tolist() == [1, 2, 3]
    assert blobs["double"][0].array.tolist() == [0.1]
    assert blobs["packed"][0].array.sum() == 64
    assert [blob.array.item() for blob in blobs["many"]] == list(range(12))
    assert not any(blob.legacy for group in blobs.values() for blob in group)


def test_what_is_not_compressed_is_a_view_of_the_file(path):
    blobs = read_weights(path)
    assert blobs["conv"][0].array.base is not None
    assert not blobs["conv"][0].array.flags.writeable


def test_hdf5_weights_go_with_a_net(path, tmp_path):
    (tmp_path / "net.prototxt").write_text('layer { name: "conv" type: "Convolution" }')
    assert read_pair(tmp_path / "net.prototxt", path).unused() == ("double", "many", "packed")


def test_without_h5py_the_advice_is_to_install_it(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UsageError) as caught:
        read_weights(path)
    assert "hdf5" in caught.value.advice


@pytest.mark.parametrize("name", ["soft", "external", "soft_blob", "external_data", "virtual"])
def test_nothing_is_read_from_elsewhere(path, tmp_path, name):
    with h5py.File(path, "a") as file:
        data = file["data"]
        if name == "soft":
            data["linked"] = h5py.SoftLink("/data/conv")
        elif name == "external":
            data["linked"] = h5py.ExternalLink(str(tmp_path / "secret"), "/")
        elif name == "soft_blob":
            data["linked/0"] = h5py.SoftLink("/data/conv/0")
        elif name == "external_data":
            data.create_dataset("linked/0", (4,), "f4", external=[(str(tmp_path / "secret"), 0, 16)])
        else:
            layout = h5py.VirtualLayout((4,), "f4")
            layout[:] = h5py.VirtualSource(str(tmp_path / "secret"), "x", (4,))
            data.create_group("linked").create_virtual_dataset("0", layout)
    with pytest.raises(InvalidInputError):
        read_weights(path)


@pytest.mark.parametrize("content", ["strings", "integers", "far", "huge", "name", "group", "no data"])
def test_what_is_not_caffes_is_refused(path, content):
    with h5py.File(path, "a") as file:
        data = file["data"]
        if content == "strings":
            data["l/0"] = "text"
        elif content == "integers":
            data["l/0"] = np.arange(3)
        elif content == "far":
            data["l/1000000000"] = np.float32(1)
        elif content == "huge":
            data.create_dataset("l/0", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024))
        elif content == "name":
            data["l/weights"] = np.float32(1)
        elif content == "group":
            data.create_group("l/0")
        else:
            del file["data"]
    with pytest.raises(InvalidInputError) as caught:
        read_weights(path)
    assert str(path) in caught.value.what


@pytest.mark.parametrize("times", [1, 20])
def test_numbers_that_are_compressed_too_well_are_refused_before_they_are_unpacked(path, times):
    zeros = zlib.compress(bytes(4 << 20))
    with h5py.File(path, "a") as file:
        side = (1 << 14) // math.isqrt(times)
        packed = file["data"].create_dataset("l/0", (side, side), "f4", chunks=(1024, 1024), compression="gzip")
        for place in itertools.product(range(0, side, 1024), repeat=2):
            packed.id.write_direct_chunk(place, zeros)
        for index in range(1, times):
            file["data/l"][str(index)] = file["data/l/0"]  # the same numbers, by another name
    with allocating_less_than(400 << 20), pytest.raises(OverBudget, match="weights"):
        read_weights(path)


def test_pieces_that_reach_over_the_edge_are_read(path):
    numbers = np.arange(35, dtype="f4").reshape(5, 7)
    with h5py.File(path, "a") as file:
        settings = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        file["data"].create_dataset("l/0", data=numbers, chunks=(2, 3), **settings)
    assert_array_equal(read_weights(path)["l"][0].array, numbers)


def _in_one_piece(data):
    """Write a dataset of 16 numbers whose one piece would hold half a gigabyte."""
    settings = {"maxshape": (None, None), "chunks": (1 << 14, 1 << 13), "compression": "gzip"}
    data.create_dataset("l/0", (4, 4), "f4", **settings).id.write_direct_chunk((0, 0), zlib.compress(b""))


def _with_more_in_its_piece(data):
    piece = zlib.compress(bytes(1 << 28))
    data.create_dataset("l/0", (4, 4), "f4", chunks=(4, 4), compression="gzip").id.write_direct_chunk((0, 0), piece)


def _of_no_pieces(data):
    data.create_dataset("l/0", (8000, 8000), "f4", chunks=(1, 1))


def _packed_twice(data):
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((4, 4))
    for _ in range(2):
        plan.set_filter(h5py.h5z.FILTER_DEFLATE, values=(9,))
    space, kind = h5py.h5s.create_simple((4, 4)), h5py.h5t.IEEE_F32LE
    dataset = h5py.h5d.create(data.create_group("l").id, b"0", kind, space, plan)
    dataset.write_direct_chunk((0, 0), zlib.compress(zlib.compress(bytes(1 << 28))))


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (_in_one_piece, "536,870,912 bytes of weights"),
        (_with_more_in_its_piece, r"holds more numbers than its shape \(4, 4\)"),
        (_of_no_pieces, "lacks numbers"),
        (_packed_twice, "another filter than gzip"),
    ],
)
def test_what_a_piece_holds_is_bounded_before_it_is_unpacked(path, write, why):
    with h5py.File(path, "a") as file:
        write(file["data"])
    with allocating_less_than(8 << 20), pytest.raises((InvalidInputError, OverBudget)) as refused:
        read_weights(path)
    assert re.search(why, f"{refused.value.what} {refused.value.why}")


def test_a_damaged_file_is_read_or_refused(path):
    content = path.read_bytes()
    for start in range(0, len(content), 97):
        damaged = bytearray(content)
        damaged[start] ^= 0xFF
        for version in (damaged, content[:start]):
            path.write_bytes(version)
            with contextlib.suppress(PipelineError):
                read_weights(path)
