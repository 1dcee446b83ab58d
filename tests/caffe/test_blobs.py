import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from pipeline.caffe.blobs import StoredBlob, blob_parts, layer_parts, scan_blobs, strip_blobs
from pipeline.caffe.schema import BlobProto, LayerParameter, NetParameter
from pipeline.errors import InvalidInputError, PipelineError, UnsupportedError
from pipeline.wire.splice import float_bytes, length_delimited, message, varint
from tests.support import allocating_less_than


def joined(parts) -> bytes:
    return b"".join(p if isinstance(p, bytes) else b"".join(map(bytes, float_bytes(p.array))) for p in parts)


def scanned(net: NetParameter) -> dict[str, tuple[StoredBlob, ...]]:
    return scan_blobs(memoryview(net.SerializeToString()))


def one(**fields) -> StoredBlob:
    net = NetParameter()
    net.layer.add(name="l", blobs=[BlobProto(**fields)])
    return scanned(net)["l"][0]


@given(arrays.arrays("<f4", arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)))
def test_a_blob_is_what_protobuf_itself_writes_and_comes_back(array):
    blob = BlobProto(data=array.ravel(), shape={"dim": array.shape})
    assert joined(blob_parts(array)) == blob.SerializeToString()
    net = joined(layer_parts(b"\x0a\x01l", (array,)))
    (back,) = scan_blobs(memoryview(net))["l"]
    assert np.array_equal(back.array, array, equal_nan=True)
    assert back.array.shape == array.shape


def test_blobs_are_views_of_the_file():
    net = NetParameter()
    net.layer.add(name="l", blobs=[BlobProto(data=[1, 2], shape={"dim": [2]})])
    memory = bytearray(net.SerializeToString())
    (blob,) = scan_blobs(memoryview(memory))["l"]
    at = memory.index(np.float32(2).tobytes())
    memory[at : at + 4] = np.float32(7).tobytes()
    assert blob.array.tolist() == [1, 7]


def test_double_data_is_read_instead_of_data():
    blob = one(data=[1, 2], double_data=[0.1, 0.2], shape={"dim": [2]})
    assert blob.array.dtype == np.float64
    assert blob.array.tolist() == [0.1, 0.2]


def test_data_may_be_unpacked():
    data = b"".join(varint(5 << 3 | 5) + np.float32(value).tobytes() for value in range(6))
    blob = data + joined(message(7, [length_delimited(1, 2), b"\x02\x03"]))
    net = joined(message(100, [*message(1, [b"l"]), *message(7, [blob])]))
    assert scan_blobs(memoryview(net))["l"][0].array.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_legacy_extents_override_the_shape_and_fit_right_aligned():
    blob = one(data=range(6), num=1, channels=1, height=2, width=3, shape={"dim": [6]})
    assert blob.array.shape == (1, 1, 2, 3)
    assert blob.fits((2, 3))
    assert blob.fits((1, 2, 3))
    assert not blob.fits((6,))
    assert not blob.fits((3, 2))
    assert not one(data=range(6), num=6, channels=1, height=1, width=1).fits((6,))


def test_a_shape_of_today_fits_itself_only():
    blob = one(data=range(6), shape={"dim": [1, 1, 2, 3]})
    assert blob.fits((1, 1, 2, 3))
    assert not blob.fits((2, 3))


def test_a_blob_without_a_shape_is_a_scalar():
    assert one(data=[3]).array.shape == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"data": [1, 2]},
        {"data": [1, 2], "shape": {"dim": [3]}},
        {"data": [1, 2], "shape": {"dim": [-1, -2]}},
        {"data": [1], "shape": {"dim": [1] * 33}},
        {"shape": {"dim": [2**40, 2**40]}},
        {"data": [1, 2], "num": 2},
    ],
)
def test_numbers_that_do_not_fill_their_shape_are_refused_naming_the_layer(fields):
    with pytest.raises(InvalidInputError) as caught:
        one(**fields)
    assert caught.value.where.startswith("layer 'l', byte ")


def test_a_long_shape_is_refused_before_it_is_read():
    net = NetParameter()
    net.layer.add(name="l", blobs=[BlobProto(data=[1], shape={"dim": [1] * (1 << 20)})])
    view = memoryview(net.SerializeToString())
    with allocating_less_than(1 << 20), pytest.raises(InvalidInputError, match="not those of a Caffe network"):
        scan_blobs(view)


def test_layers_of_all_ages_are_found():
    net = NetParameter()
    net.layers.add(name="v1", blobs=[BlobProto(data=[1])])
    v0 = net.layers.add().layer
    v0.name = "v0"
    v0.blobs.add(data=[2])
    found = scanned(net)
    assert {name: blobs[0].array.item() for name, blobs in found.items()} == {"v1": 1, "v0": 2}
    net.layer.add(name="now", blobs=[BlobProto(data=[3])])
    with pytest.raises(InvalidInputError, match="mixes"):
        scanned(net)


def test_of_two_layers_of_one_name_the_last_counts():
    net = NetParameter()
    for value in (1, 2):
        net.layer.add(name="l", blobs=[BlobProto(data=[value])])
    assert scanned(net)["l"][0].array == 2


def test_a_net_is_stripped_of_blobs_and_of_nothing_else():
    net = NetParameter(name="n", input=["x"], input_dim=[1, 2, 3, 4])
    net.layer.add(name="l", type="Scale", blobs=[BlobProto(data=[1] * 1000)]).scale_param.axis = 2
    net.layers.add(name="v1", blobs=[BlobProto(data=[1])])
    net.layers[0].layer.blobs.add(data=[1])
    net.layers[0].layer.kernelsize = 3
    bare = NetParameter.FromString(strip_blobs(memoryview(net.SerializeToString())))
    for layer in (net.layer[0], net.layers[0], net.layers[0].layer):
        layer.ClearField("blobs")
    assert bare == net


def small_file() -> bytes:
    net = NetParameter(name="n")
    net.layer.add(name="c", type="Scale", blobs=[BlobProto(data=range(4), shape={"dim": [2, 2]})])
    net.layer.add(name="d", type="Bias", blobs=[BlobProto(double_data=[1], num=1, channels=1, height=1, width=1)])
    return net.SerializeToString()


def survives(data: bytes) -> None:
    try:
        for blobs in scan_blobs(memoryview(data)).values():
            for blob in blobs:
                blob.array.sum()
        strip_blobs(memoryview(data))
    except PipelineError:
        pass


def test_a_file_cut_anywhere_is_read_or_refused():
    data = small_file()
    for end in range(len(data)):
        survives(data[:end])


@pytest.mark.filterwarnings("ignore:invalid value|overflow:RuntimeWarning")
def test_a_file_with_any_bit_flipped_is_read_or_refused():
    data = bytearray(small_file())
    for bit in range(len(data) * 8):
        data[bit // 8] ^= 1 << bit % 8
        survives(bytes(data))
        data[bit // 8] ^= 1 << bit % 8


def test_layers_keep_protobufs_own_order_of_fields():
    array = np.arange(3, dtype="f4")
    layer = LayerParameter(name="l", type="Bias", bottom=["x"], top=["y"])
    head = layer.SerializeToString()
    layer.blobs.add(data=array, shape={"dim": [3]})
    assert joined(layer_parts(head, (array,))) == NetParameter(layer=[layer]).SerializeToString()


@pytest.mark.parametrize(("kind", "dtype"), [("DOUBLE", "<f8"), ("FLOAT", "<f4"), ("FLOAT16", "<f2")])
def test_raw_data_are_numbers_of_their_type(kind, dtype):
    raw = np.array([0.5, -2, 1.25], dtype)
    blob = one(raw_data=raw.tobytes(), raw_data_type=BlobProto.Type.Value(kind), shape={"dim": [3]})
    assert blob.array.tolist() == [0.5, -2, 1.25]
    assert blob.array.dtype == (np.float64 if kind == "DOUBLE" else np.float32)


def test_raw_data_that_are_no_weights_are_refused():
    with pytest.raises(UnsupportedError):
        one(raw_data=b"1234", raw_data_type=BlobProto.INT, shape={"dim": [1]})
    with pytest.raises(InvalidInputError):
        one(raw_data=b"123", raw_data_type=BlobProto.FLOAT, shape={"dim": [1]})
