from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.caffe.files import read_weights
from pipeline.caffe.schema import NetParameter
from pipeline.errors import UsageError
from pipeline.formats import Location
from pipeline.graph.inventory import Inventory, Part
from pipeline.inspection.summary import inspect
from tests.support import shared

MODELS = Path(__file__).parent.parent / "data" / "torch7"
PARAMETERS = 4 * 3 * 3 * 3 + 5 * 64 + 5


def look(path: Path, *inputs: str, weights: Path | None = None) -> Inventory:
    return inspect(Location(path, weights, inputs))


def part(found: Inventory, name: str) -> Part:
    (one,) = found.find(name)
    return one


def mnist() -> Path:
    return shared("fixtures", "torch7", "nets", "mnist_convnet", "model.t7")


def test_a_graph_is_listed_by_nodes(run_folder: Path) -> None:
    found = look(run_folder / "graph.json")
    assert (found.format, len(found.parts), found.parameters) == ("graph", 6, PARAMETERS)
    conv = part(found, "conv")
    assert conv.measure is not None
    assert conv.measure.shapes == ((2, 4, 8, 8),)
    assert conv.measure.multiply_adds == 2 * 4 * 8 * 8 * 27
    assert conv.measure.activation_bytes == 2 * 4 * 8 * 8 * 4
    assert conv.origin == "1.conv (Convolution)"


def test_fields_that_no_known_caffe_has_are_shown_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text('layer { name: "r" type: "Odd" top: "y" odd_param { spin: 2 } relu_param { fast: YES } }')
    (found,) = look(path).parts
    assert found.attributes == {"odd_param": "{ spin: 2 }", "relu_param.fast": "YES"}


def test_a_caffe_pair_is_listed_by_layers(run_folder: Path) -> None:
    found = look(run_folder / "deploy.prototxt")
    assert (found.format, found.parameters) == ("caffe", PARAMETERS)
    assert found.inputs == {"data": (2, 3, 8, 8)}
    assert found.outputs == ("prob",)
    conv = part(found, "conv")
    assert conv.attributes["convolution_param.num_output"] == 4
    assert conv.weights["0"].shape == (4, 3, 3, 3)
    assert part(found, "data").kind == "Input"


def test_a_prototxt_alone_has_shapes_and_counts(run_folder: Path, tmp_path: Path) -> None:
    shutil.copy(run_folder / "deploy.prototxt", tmp_path)
    found = look(tmp_path / "deploy.prototxt")
    conv = part(found, "conv")
    assert conv.measure is not None
    assert conv.measure.shapes == ((2, 4, 8, 8),)
    assert found.parameters == PARAMETERS
    assert not conv.weights
    assert "no weights were given; what they hold is not known" in found.notes


def test_other_shapes_can_be_given_for_a_prototxt(run_folder: Path) -> None:
    pool = part(look(run_folder / "deploy.prototxt", "7x3x8x8"), "pool")
    assert pool.measure is not None
    assert pool.measure.shapes == ((7, 4, 4, 4),)


def test_a_layer_that_is_not_known_is_a_note_and_the_rest_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 } } }\n'
        'layer { name: "odd" type: "MyLayer" bottom: "x" top: "y" }\n'
        'layer { name: "behind" type: "ReLU" bottom: "y" top: "z" }\n'
        'layer { name: "beside" type: "ReLU" bottom: "x" top: "w" }\n'
    )
    found = look(path)
    assert [each.name for each in found.parts] == ["x", "odd", "behind", "beside"]
    assert part(found, "behind").measure is None
    assert part(found, "beside").measure is not None
    assert any("odd (MyLayer)" in note for note in found.notes)


def test_an_input_without_a_shape_is_a_note(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text('layer { name: "d" type: "HDF5Data" top: "x" hdf5_data_param { source: "s" batch_size: 1 } }\n')
    found = look(path)
    assert found.inputs == {"x": None}
    assert any("what shape 'x' has" in note for note in found.notes)


def test_a_caffemodel_tells_types_and_wiring(run_folder: Path, tmp_path: Path) -> None:
    shutil.copy(run_folder / "model.caffemodel", tmp_path / "w.caffemodel")
    found = look(tmp_path / "w.caffemodel")
    assert (found.format, found.parameters) == ("caffemodel", PARAMETERS)
    assert part(found, "pool").kind == "Pooling"
    assert part(found, "pool").inputs == ("act",)


def test_a_caffemodel_with_fields_that_nobody_knows_is_listed_and_they_are_named(tmp_path: Path) -> None:
    net = NetParameter(name="n")
    net.layer.add(name="k", type="Pooling").pooling_param.MergeFromString(b"\x98\x06\x01")
    net.layer[0].MergeFromString(b"\xf8\xe1\x04\x07")
    (tmp_path / "n.caffemodel").write_bytes(net.SerializeToString())
    found = look(tmp_path / "n.caffemodel")
    assert [each.name for each in found.parts] == ["k"]
    assert found.notes == (
        "LayerParameter of k has no field number 9759",
        "PoolingParameter of k has no field number 99",
    )


def test_hdf5_weights_are_listed_by_layer(run_folder: Path, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        for name, blobs in read_weights(run_folder / "model.caffemodel").items():
            for i, blob in enumerate(blobs):
                file[f"data/{name}/{i}"] = blob.array
    found = look(tmp_path / "w.h5")
    assert (found.format, found.parameters) == ("hdf5", PARAMETERS)
    assert part(found, "ip").weights["0"].shape == (5, 64)


@pytest.mark.parametrize("file", ["predict_net.pb", "predict_net.pbtxt"])
def test_a_predict_net_is_listed_by_operators_with_shapes_and_weights(run_folder: Path, file: str) -> None:
    found = look(run_folder / file)
    assert (found.format, found.parameters) == ("netdef", PARAMETERS)
    conv = part(found, "conv")
    assert conv.measure is not None
    assert conv.measure.shapes == ((2, 4, 8, 8),)
    assert conv.attributes["kernels" if "kernels" in conv.attributes else "kernel"] in (3, [3, 3])
    assert conv.inputs == ("data",)


def test_a_predict_net_alone_is_listed_without_shapes(run_folder: Path, tmp_path: Path) -> None:
    shutil.copy(run_folder / "predict_net.pb", tmp_path)
    found = look(tmp_path / "predict_net.pb")
    assert part(found, "pool").kind == "MaxPool"
    assert part(found, "pool").measure is None


def test_a_predict_net_takes_its_shapes_from_the_user(run_folder: Path, tmp_path: Path) -> None:
    for name in ("predict_net.pb", "init_net.pb"):
        shutil.copy(run_folder / name, tmp_path)
    without = look(tmp_path / "predict_net.pb")
    (note,) = without.notes
    assert note.startswith("shapes are not known: the shape of input data is not known")
    pool = part(look(tmp_path / "predict_net.pb", "9x3x8x8"), "pool")
    assert pool.measure is not None
    assert pool.measure.shapes == ((9, 4, 4, 4),)


def test_an_init_net_is_listed_by_what_it_fills(run_folder: Path) -> None:
    found = look(run_folder / "init_net.pb")
    assert found.parameters == PARAMETERS
    assert {each.kind for each in found.parts} == {"GivenTensorFill"}
    assert sorted(array.shape for each in found.parts for array in each.weights.values()) == [
        (4, 3, 3, 3),
        (5,),
        (5, 64),
    ]


def test_a_run_folder_shows_its_caffe_net_and_says_what_else_is_there(run_folder: Path) -> None:
    found = look(run_folder)
    assert found.format == "caffe"
    assert found.notes[-1] == "also there: graph.json, predict_net.pb, model.onnx"


def test_a_folder_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no network"):
        look(tmp_path)


def test_a_torch7_file_is_listed_by_modules_and_given_shapes() -> None:
    found = look(mnist(), "4x1x32x32")
    root, *modules = found.parts
    assert (root.name, root.kind) == ("(root)", "nn.Sequential")
    assert modules[0].measure is not None
    assert modules[0].measure.shapes == ((4, 8, 28, 28),)
    assert modules[0].attributes["nOutputPlane"] == 8
    assert modules[0].weights["weight"].size == 8 * 25
    assert found.parameters == sum(module.parameters for module in modules)


@pytest.mark.parametrize(
    ("name", "edges"),
    [
        (
            "gModule_multi_io",
            {"1": "input_1", "2": "1", "3": "input_2", "4": "3", "5": "2 4", "6": "5", "7": "6", "8": "5"},
        ),
        ("gModule_split", {"1": "input", "2": "1", "3": "2", "4": "3[1] 3[3]", "5": "3[2]"}),
        ("gModule_nested", {"1": "input", "2": "1", "2.1": "input", "2.2": "2.1", "2.3": "2.2", "3": "2 1"}),
    ],
)
def test_the_modules_of_an_nngraph_tell_what_they_take(name: str, edges: dict[str, str]) -> None:
    found = inspect(Location(MODELS / name / "model.t7"))
    assert {part.name: " ".join(part.inputs) for part in found.parts if part.inputs} == edges


def test_an_nngraph_tells_what_it_gives() -> None:
    found = inspect(Location(MODELS / "gModule_multi_io" / "model.t7"))
    assert found.parts[0].outputs == ("6", "7", "8")


def test_an_nngraph_without_its_edges_is_listed_all_the_same(tmp_path: Path) -> None:
    from tests.torch7.writer import nn, save

    nodes = [nn("nngraph.Node", data={"module": nn("Tanh"), "mapindex": 3}), nn("nngraph.Node"), 7]
    found = inspect(Location(save(tmp_path / "net.t7", nn("gModule", modules=[nn("Tanh")], forwardnodes=nodes))))
    assert [part.inputs for part in found.parts] == [(), ()]


def test_shared_weights_are_counted_once() -> None:
    weight = np.ones((3, 4), np.float32)
    parts = tuple(Part(name, "Gemm", weights={"w": weight}, parameters=12) for name in ("a", "b"))
    assert Inventory("net", "graph", "nodes", parts).parameters == 12


def test_the_peak_counts_what_is_alive_at_once(run_folder: Path) -> None:
    found = look(run_folder / "graph.json")
    conv = 2 * 4 * 8 * 8 * 4
    assert found.peak_bytes == 2 * conv  # the convolution's output and the activation's
    outputs = sum(each.measure.activation_bytes for each in found.parts if each.measure)
    assert found.activation_bytes == outputs + 2 * 3 * 8 * 8 * 4  # the input too


def test_a_layer_computed_in_place_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 } } }\n'
        'layer { name: "act" type: "ReLU" bottom: "x" top: "x" }\n'
    )
    act = part(look(path), "act")
    assert act.measure is not None
    assert (act.measure.shapes, act.measure.activation_bytes) == (((1, 2),), 0)


def test_a_part_is_found_by_name_by_path_and_by_what_it_makes(run_folder: Path) -> None:
    found = look(run_folder / "graph.json")
    assert part(found, "1.conv.conv") == part(found, "conv")
    with pytest.raises(UsageError, match="has no part called pol") as caught:
        found.find("pol")
    assert caught.value.advice == "did you mean pool?"


def test_inspecting_reads_no_weights(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blobs' bytes are made unreadable: only their places may be looked at."""
    from pipeline.caffe import blobs

    real = blobs.scan.numbers

    def untouched(*arguments: object) -> np.ndarray:
        array = real(*arguments)  # type: ignore[arg-type]
        return np.lib.stride_tricks.as_strided(np.empty(1, "f4"), array.shape, (0,)) if array.size > 5 else array

    monkeypatch.setattr(blobs.scan, "numbers", untouched)
    assert look(run_folder / "model.caffemodel").parameters == PARAMETERS
