import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.caffe.files import CaffeNet, caffemodel_parts, read_net, read_pair, read_weights, write_pair
from pipeline.caffe.phase import State
from pipeline.caffe.read import read
from pipeline.caffe.schema import BlobProto, LayerParameter, NetParameter
from pipeline.errors import InvalidInputError, PipelineError, UnsupportedError, UsageError
from pipeline.wire.splice import total
from tests.support import shared


def small_net() -> CaffeNet:
    net = NetParameter(name="small")
    net.layer.add(name="input", type="Input", top=["x"]).input_param.shape.add(dim=[2, 3, 8, 8])
    conv = net.layer.add(name="conv", type="Convolution", bottom=["x"], top=["y"])
    conv.convolution_param.num_output = 4
    conv.convolution_param.kernel_size.append(3)
    random = np.random.default_rng(0)
    weights = random.normal(size=(3, 3, 3, 4)).T, random.normal(size=4).astype("f4")
    return CaffeNet(net, {"conv": weights})


@pytest.fixture
def pair(tmp_path):
    paths = tmp_path / "deploy.prototxt", tmp_path / "model.caffemodel"
    write_pair(small_net(), *paths, {"conv": "features.0 (nn.SpatialConvolution)"})
    return paths


def test_a_pair_comes_back_the_same(pair):
    net, back = small_net(), read_pair(*pair)
    assert back.net == net.net
    assert [array.dtype for array in back.blobs["conv"]] == [np.float32] * 2
    for array, original in zip(back.blobs["conv"], net.blobs["conv"], strict=True):
        assert np.array_equal(array, original.astype("f4"))
    assert back.legacy == frozenset()
    assert back.unused() == ()


def test_a_caffemodel_is_what_protobuf_itself_writes(pair):
    net = NetParameter(name="small")
    for layer in small_net().net.layer:
        net.layer.append(LayerParameter(name=layer.name, type=layer.type, bottom=layer.bottom, top=layer.top))
    for array in small_net().blobs["conv"]:
        net.layer[1].blobs.add(data=array.astype("f4").ravel(), shape={"dim": array.shape})
    assert pair[1].read_bytes() == net.SerializeToString(deterministic=True)
    assert total(caffemodel_parts(small_net())) == pair[1].stat().st_size


def test_a_comment_says_where_a_layer_is_from(pair):
    assert '# features.0 (nn.SpatialConvolution)\nlayer {\n  name: "conv"\n' in pair[0].read_text()


def test_the_same_net_gives_the_same_bytes(pair, tmp_path):
    again = tmp_path / "a.prototxt", tmp_path / "a.caffemodel"
    write_pair(small_net(), *again, {"conv": "features.0 (nn.SpatialConvolution)"})
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in pair]


def test_opencv_computes_with_a_written_pair(pair):
    cv2 = pytest.importorskip("cv2")
    x = np.random.default_rng(1).normal(size=(2, 3, 8, 8)).astype("f4")
    net = cv2.dnn.readNetFromCaffe(*map(str, pair))
    net.setInput(x)
    weight, bias = (array.astype("f4") for array in small_net().blobs["conv"])
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))
    expected = np.einsum("nchwkl,ockl->nohw", windows, weight) + bias[:, None, None]
    assert np.abs(net.forward() - expected).max() < 1e-4


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8),
        st.lists(
            arrays.arrays(
                st.sampled_from(["<f4", "<f8", "<f2"]),
                arrays.array_shapes(min_dims=0),
                elements=st.floats(-9, 9, width=16),
            ),
            max_size=3,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_net_comes_back_the_same(tmp_path_factory, layers):
    folder = tmp_path_factory.mktemp("net")
    net = NetParameter()
    for name in layers:
        net.layer.add(name=name, type="Scale", bottom=[name], top=[name])
    blobs = {name: tuple(group) for name, group in layers.items()}
    paths = folder / "deploy.prototxt", folder / "model.caffemodel"
    write_pair(CaffeNet(net, blobs), *paths)
    back = read_pair(*paths)
    assert back.net == net
    assert back.blobs.keys() == {name for name, group in blobs.items() if group}
    for name, group in back.blobs.items():
        assert all(np.array_equal(a, b) and a.shape == b.shape for a, b in zip(group, blobs[name], strict=True))


def test_thousands_of_layers_are_no_matter(tmp_path):
    net, blobs = NetParameter(), {}
    for index in range(2000):
        net.layer.add(name=f"l{index}", type="Bias", bottom=[f"b{index}"], top=[f"b{index + 1}"])
        blobs[f"l{index}"] = (np.full(3, index, "f4"),)
    paths = tmp_path / "deploy.prototxt", tmp_path / "model.caffemodel"
    write_pair(CaffeNet(net, blobs), *paths)
    back = read_pair(*paths)
    assert len(back.net.layer) == 2000
    assert all(back.blobs[name][0][0] == blob[0][0] for name, blob in blobs.items())


def test_a_caffemodel_of_two_gibibytes_is_refused_before_anything_is_written(tmp_path):
    net = NetParameter()
    net.layer.add(name="fc", type="InnerProduct")
    huge = np.broadcast_to(np.float32(0), (1 << 15, 1 << 14))
    with pytest.raises(UnsupportedError) as caught:
        write_pair(CaffeNet(net, {"fc": (huge,)}), tmp_path / "deploy.prototxt", tmp_path / "model.caffemodel")
    assert "2,147,483,6" in caught.value.problems[0].reason
    assert "--weights-format hdf5" in caught.value.problems[0].advice
    assert list(tmp_path.iterdir()) == []


def test_layers_that_share_a_name_or_blobs_of_no_layer_are_bugs(tmp_path):
    paths = tmp_path / "deploy.prototxt", tmp_path / "model.caffemodel"
    twice = NetParameter(layer=[LayerParameter(name="a"), LayerParameter(name="a")])
    for net in (CaffeNet(twice), CaffeNet(NetParameter(), {"a": (np.zeros(1, "f4"),)})):
        with pytest.raises(ValueError, match="layers must have names"):
            write_pair(net, *paths)


def test_weights_of_layers_that_the_net_lacks_are_told(pair, tmp_path):
    (tmp_path / "other.prototxt").write_text('layer { name: "relu" type: "ReLU" }')
    assert read_pair(tmp_path / "other.prototxt", pair[1]).unused() == ("conv",)


def test_a_binary_net_may_bring_its_own_weights(tmp_path):
    net = NetParameter(layer=[LayerParameter(name="s", type="Scale", blobs=[BlobProto(data=[2], shape={"dim": [1]})])])
    for name, content in (("net.binaryproto", net.SerializeToString()), ("net.prototxt", str(net).encode())):
        (tmp_path / name).write_bytes(content)
        back = read_pair(tmp_path / name)
        assert back.blobs["s"][0].tolist() == [2]
        assert not back.net.layer[0].blobs


def test_a_net_of_any_phase_is_read_for_test(tmp_path):
    (tmp_path / "train_val.prototxt").write_text(
        'layer { name: "a" include { phase: TRAIN } } layer { name: "b" include { phase: TEST } }'
        ' layer { name: "c" include { stage: "deploy" } }'
    )
    names = [layer.name for layer in read_pair(tmp_path / "train_val.prototxt").net.layer]
    assert names == ["b"]
    staged = read_pair(tmp_path / "train_val.prototxt", state=State(stages=("deploy",)))
    assert [layer.name for layer in staged.net.layer] == ["b", "c"]
    assert len(read_net(tmp_path / "train_val.prototxt").layer) == 3


def test_unknown_fields_of_a_net_name_themselves_and_their_lines(tmp_path):
    path = tmp_path / "deploy.prototxt"
    path.write_text(
        'flavour: UP\nlayer {\n  name: "a" type: "Odd" bottom: "x" top: "y"\n  odd_param { }\n}\ncolour { red: 1 }'
    )
    with pytest.raises(UnsupportedError) as caught:
        read(read_pair(path))
    told = [(problem.origin, problem.advice.partition(" ")[0]) for problem in caught.value.problems]
    assert told == [("flavour", "line"), ("colour", "line"), ("a (Odd)", "--cut")]


def test_unknown_fields_of_a_layer_stay_with_it(tmp_path):
    path = tmp_path / "deploy.prototxt"
    path.write_text('layer {\n  name: "a"\n  pooling_param { spin: 2 pool: FALL }\n  quantum_param {\n } }')
    (layer,) = read_pair(path).net.layer
    assert [(field.path, field.text, field.line) for field in layer.unknown] == [
        ("pooling_param.spin", "2", 3),
        ("pooling_param.pool", "FALL", 3),
        ("quantum_param", "{\n }", 4),
    ]


def test_a_template_is_told_from_a_network(tmp_path):
    path = tmp_path / "deploy.prototxt"
    path.write_text('input: "data" input_dim: $#batch_size#$ input_dim: 3')
    with pytest.raises(InvalidInputError, match="is a template") as caught:
        read_pair(path)
    assert caught.value.why == "$#batch_size#$ stands for a value"


def test_fields_of_well_known_forks_are_known(tmp_path):
    path = tmp_path / "deploy.prototxt"
    path.write_text(
        """layer { pooling_param { torch_pooling: true } fbthreshold_param { threshold: 1 val: 2 } }
        layer { roi_pooling_param { pooled_h: 6 spatial_scale: 0.0625 } permute_param { order: 0 order: 2 } }
        layer { norm_param { across_spatial: false scale_filler { value: 20 } channel_shared: false } }
        layer { upsample_param { scale: 2 } interp_param { height: 3 width: 4 zoom_factor: 2 } }
        layer { shuffle_channel_param { group: 3 } relu6_param { negative_slope: 0.1 } }
        layer { convolution3d_param { num_output: 2 kernel_size: 3 kernel_depth: 3 temporal_pad: 1 } }
        layer { pooling3d_param { pool: AVE kernel_size: 2 kernel_depth: 1 temporal_stride: 1 stride: 2 } }"""
    )
    assert len(read_pair(path).net.layer) == 7


@pytest.mark.parametrize(
    "content", [b"", b"\n# nothing\n", b"\x00\x01\x02", b"layer {", b"PK\x03\x04\x14\x00", b"a text"]
)
def test_what_is_no_network_is_refused(tmp_path, content):
    (tmp_path / "net").write_bytes(content)
    with pytest.raises(InvalidInputError) as caught:
        read_pair(tmp_path / "net")
    assert str(tmp_path / "net") in caught.value.where + caught.value.what


def test_damaged_weights_name_their_file_once(pair):
    pair[1].write_bytes(pair[1].read_bytes()[:-20])
    with pytest.raises(InvalidInputError) as caught:
        read_pair(*pair)
    assert caught.value.where.startswith(f"{pair[1]}, byte ")


def test_a_missing_file_is_a_wrong_argument(pair, tmp_path):
    with pytest.raises(UsageError):
        read_pair(pair[0], tmp_path / "missing")
    with pytest.raises(UsageError):
        read_pair(tmp_path / "missing")


def test_a_text_cut_anywhere_is_read_or_refused(pair, tmp_path):
    text = pair[0].read_bytes()
    for end in range(len(text)):
        (tmp_path / "cut").write_bytes(text[:end])
        with contextlib.suppress(PipelineError):
            read_pair(tmp_path / "cut")


@given(st.binary(max_size=300))
def test_any_bytes_are_weights_and_a_net_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    for reading in (read_weights, read_pair):
        with contextlib.suppress(PipelineError):
            reading(path)


def test_every_fixture_is_read_and_written_back_the_same(tmp_path):
    folders = sorted(path.parent for path in shared("fixtures", "caffe").glob("*/*/deploy.prototxt"))
    assert folders
    paths = tmp_path / "deploy.prototxt", tmp_path / "model.caffemodel"
    for folder in folders:
        net = read_pair(folder / "deploy.prototxt", folder / "weights.caffemodel")
        assert net.unused() == (), folder
        write_pair(net, *paths)
        back = read_pair(*paths)
        assert back.net == net.net, folder
        assert back.blobs.keys() == net.blobs.keys()
        for name, group in net.blobs.items():
            assert all(map(np.array_equal, group, back.blobs[name])), folder


def test_a_v1_pair_has_the_weights_of_its_present_form():
    old, new = (
        read_pair(folder / "deploy.prototxt", folder / "weights.caffemodel")
        for folder in (shared("fixtures", "caffe", "nets", "lenet_v1"), shared("fixtures", "caffe", "nets", "lenet"))
    )
    assert old.legacy == {"conv1", "conv2", "ip1", "ip2"}
    assert old.blobs["ip1"][0].shape == (1, 1, 500, 800)
    for name, group in new.blobs.items():
        assert all(np.array_equal(a.ravel(), b.ravel()) for a, b in zip(group, old.blobs[name], strict=True))
    assert [layer.type for layer in old.net.layer] == [layer.type for layer in new.net.layer]
