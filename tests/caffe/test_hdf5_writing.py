"""Weights written as HDF5: what h5py, our reader and Caffe itself make of them."""

import sys

import numpy as np
import pytest
from blake3 import blake3
from google.protobuf import text_format

from pipeline.caffe import inventory as of_caffe
from pipeline.caffe.files import CaffeNet, read_pair, write_pair
from pipeline.caffe.read import read
from pipeline.caffe.schema import LayerParameter, NetParameter
from pipeline.errors import InvalidInputError, MachineError, UnsupportedError, UsageError
from pipeline.graph.evaluation import evaluate
from pipeline.runtimes.runtime import Job, run
from pipeline.wire import splice
from tests.support import CAFFES

h5py = pytest.importorskip("h5py")

# `b` has the weights of `a` and a bias of its own, `c` a bias of its own and none before; `d` shares all that it has.
SHARING = """
name: "sharing"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 4 } } }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a" param { name: "w" } param { name: "v" }
  inner_product_param { num_output: 4 } }
layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" param { name: "w" } param { }
  inner_product_param { num_output: 4 } }
layer { name: "relu" type: "ReLU" bottom: "b" top: "relu" }
layer { name: "c" type: "InnerProduct" bottom: "relu" top: "c" param { } param { name: "v" }
  inner_product_param { num_output: 4 } }
layer { name: "d" type: "InnerProduct" bottom: "c" top: "d" param { name: "w" } param { name: "v" }
  inner_product_param { num_output: 4 } }
"""


def sharing() -> CaffeNet:
    random = np.random.default_rng(0)
    w, other = random.normal(size=(2, 4, 4)).astype("f4")
    v, bias = random.normal(size=(2, 4)).astype("f4")
    net = text_format.Parse(SHARING, NetParameter())
    return CaffeNet(net, {"a": (w, v), "b": (w, bias), "c": (other, v), "d": (w, v)})


def written(folder, net=None, name="model.caffemodel.h5"):
    folder.mkdir(exist_ok=True)
    paths = folder / "deploy.prototxt", folder / name
    return paths, write_pair(net or sharing(), *paths)


def one_layer(*arrays, name="fc") -> CaffeNet:
    return CaffeNet(NetParameter(layer=[LayerParameter(name=name, type="InnerProduct")]), {name: arrays})


def test_caffes_layout_has_a_group_a_layer_and_shared_parameters_once(tmp_path):
    (_, weights), digests = written(tmp_path)
    assert blake3(weights.read_bytes()).hexdigest() == digests["model.caffemodel.h5"].blake3
    net = sharing()
    with h5py.File(weights) as file:
        assert list(file) == ["data"]
        held = {name: list(group) for name, group in file["data"].items()}
        assert held == {"a": ["0", "1"], "b": ["1"], "c": ["0"], "d": [], "data": [], "relu": []}
        assert file["data/a/0"].dtype == "<f4"
        for place in ("a/0", "a/1", "b/1", "c/0"):
            layer, index = place.split("/")
            assert np.array_equal(file["data"][place], net.blobs[layer][int(index)])


def test_a_net_comes_back_with_what_its_layers_share(tmp_path):
    feed = np.ones((2, 4), "f4")
    results = []
    for name in ("model.caffemodel", "model.caffemodel.h5"):
        (prototxt, weights), _ = written(tmp_path / name, name=name)
        graph = read(read_pair(prototxt, weights))
        results.append({value.name: array for value, array in evaluate(graph, [feed])})
    assert results[0].keys() == results[1].keys()
    assert all(np.array_equal(results[0][name], results[1][name]) for name in results[0])


def test_an_inventory_counts_what_is_shared_and_lists_what_is_held(tmp_path):
    (prototxt, weights), _ = written(tmp_path)
    layers = {part.name: part for part in of_caffe.inventory(prototxt, weights).parts}
    assert [layers[name].parameters for name in "abcd"] == [20] * 4
    assert [list(part.weights) for part in of_caffe.blobs(weights).parts] == [["0", "1"], ["1"], ["0"]]


def test_a_parameter_that_no_layer_holds_is_missed_by_name(tmp_path):
    (prototxt, weights), _ = written(tmp_path)
    with h5py.File(weights, "r+") as file:
        del file["data/a/0"]
    with pytest.raises(InvalidInputError) as caught:
        read(read_pair(prototxt, weights))
    assert "parameter 0, of shape (4, 4), is not in the weights file" in repr(vars(caught.value))


@pytest.mark.parametrize(
    "array",
    [
        np.float32(3) * np.ones(()),
        np.zeros((0, 2)),
        np.arange(24, dtype="f8").reshape(2, 3, 4).transpose(2, 0, 1),
        np.arange(5, dtype="f2"),
        np.broadcast_to(np.float32(2), (3, 5)),
    ],
    ids=["scalar", "empty", "strided doubles", "halves", "broadcast"],
)
def test_arrays_of_any_kind_become_float32_of_the_same_shape(tmp_path, array):
    (_, weights), _ = written(tmp_path, one_layer(array, np.ones(1)))
    with h5py.File(weights) as file:
        dataset = file["data/fc/0"]
        assert (dataset.dtype, dataset.shape) == ("<f4", array.shape)
        assert np.array_equal(dataset[()], array)
        assert file["data/fc/1"][()].tolist() == [1]


def test_the_same_net_gives_the_same_bytes_and_no_time_is_in_them(tmp_path):
    (_, one), first = written(tmp_path / "one")
    (_, two), second = written(tmp_path / "two")
    assert first == second
    assert one.read_bytes() == two.read_bytes()
    with h5py.File(one) as file:
        for name in (b"data", b"data/a", b"data/a/0"):
            assert h5py.h5g.get_objinfo(file.id, name).mtime == 0


def test_hdf5_has_no_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(splice, "LIMIT", 1000)
    net = one_layer(np.zeros((300, 300), "f4"))
    with pytest.raises(UnsupportedError):
        written(tmp_path, net, "model.caffemodel")
    assert list(tmp_path.iterdir()) == []
    (paths, _) = written(tmp_path, net)
    assert read_pair(*paths).blobs["fc"][0].shape == (300, 300)


@pytest.mark.parametrize("name", ["a/b", ".", ""])
def test_a_layer_that_cannot_be_a_group_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(UnsupportedError) as caught:
        written(tmp_path, one_layer(np.zeros(1), name=name))
    assert repr(name) in caught.value.problems[0].origin
    assert list(tmp_path.iterdir()) == []


def test_without_h5py_the_advice_is_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UsageError) as caught:
        written(tmp_path)
    assert caught.value.advice == "pip install 'torch2caffe2[hdf5]'"
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_the_machines_fault(tmp_path):
    with pytest.raises(MachineError, match="cannot be written"):
        write_pair(sharing(), tmp_path / "deploy.prototxt", tmp_path / "none" / "model.caffemodel.h5")


@pytest.mark.parametrize("caffe", CAFFES)
def test_caffe_computes_with_what_was_written(tmp_path, caffe):
    jobs = []
    for name in ("model.caffemodel", "model.caffemodel.h5"):
        paths, _ = written(tmp_path / name, name=name)
        feeds = {"data": np.ones((2, 4), "f4")}
        jobs.append(Job(dict(zip(("prototxt", "caffemodel"), paths, strict=True)), feeds, ["d"]))
    first, second = run(caffe, jobs)
    assert (first.error, second.error) == ("", "")
    assert np.array_equal(first.blobs["d"], second.blobs["d"])
    assert first.blobs["d"].any()
