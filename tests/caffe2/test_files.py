import contextlib

import numpy as np
import pytest
from blake3 import blake3
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from pipeline.caffe2.files import Caffe2Net, init_nets, read_net, read_pair, read_weights, write_pair
from pipeline.caffe2.schema import NetDef
from pipeline.errors import InvalidInputError, PipelineError, UnsupportedError, UsageError
from pipeline.runtimes.runtime import Job, run
from pipeline.wire import splice
from tests.support import CAFFE2S

PREDICT = """
name: "small"
op { input: "data" input: "w" input: "b" output: "fc" type: "FC" }
op { input: "table" input: "index" output: "rows" type: "Gather" }
op { input: "fc" input: "shift" output: "sum" type: "Add" arg { name: "broadcast" i: 1 } }
external_input: "data" external_input: "w" external_input: "b" external_input: "table" external_input: "index"
external_input: "shift" external_output: "sum" external_output: "rows"
"""


def small_net() -> Caffe2Net:
    random = np.random.default_rng(0)
    weights = {
        "w": random.normal(size=(6, 4)).T,
        "b": random.normal(size=4).astype("f2"),
        "index": np.array([2, 0, 1], "i4"),
        "table": random.normal(size=(3, 5)).astype("f4"),
        "shift": np.array(0.5, "f4"),
        "unused": np.array([-1, 2**40], "i8"),
    }
    return Caffe2Net(text_format.Parse(PREDICT, NetDef()), weights)


def _in(folder):
    return folder / "predict_net.pb", folder / "predict_net.pbtxt", folder / "init_net.pb"


@pytest.fixture
def paths(tmp_path):
    paths = _in(tmp_path)
    write_pair(small_net(), *paths)
    return paths


def test_a_pair_comes_back_the_same(paths):
    predict, text, init = paths
    net = small_net()
    for path in (predict, text):
        back = read_pair(path, init)
        assert back.predict == net.predict
        assert list(back.weights) == list(net.weights)
        for name, array in net.weights.items():
            assert np.array_equal(back.weights[name], array.astype(back.weights[name].dtype))


def test_the_same_net_gives_the_same_bytes(paths, tmp_path):
    again = tmp_path / "a.pb", tmp_path / "a.pbtxt", tmp_path / "b.pb"
    write_pair(small_net(), *again)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]


def test_both_files_are_plain_messages(paths):
    assert NetDef.FromString(paths[0].read_bytes()) == small_net().predict
    assert [op.output[0] for op in NetDef.FromString(paths[2].read_bytes()).op] == list(small_net().weights)


def test_a_net_of_two_gibibytes_is_refused_before_anything_is_written(tmp_path):
    huge = np.broadcast_to(np.float32(0), (1 << 15, 1 << 14))
    net = Caffe2Net(NetDef(name="n"), {"w": huge})
    with pytest.raises(UnsupportedError) as caught:
        write_pair(net, tmp_path / "predict_net.pb", tmp_path / "predict_net.pbtxt", tmp_path / "init_net.pb")
    assert "init_net.pb" in caught.value.what
    assert "--split-init" in caught.value.problems[0].advice
    assert list(tmp_path.iterdir()) == []


def test_a_parameter_of_two_gibibytes_fits_in_no_init_net(tmp_path):
    weights = {"v": np.zeros(1, "f4"), "w": np.broadcast_to(np.float32(0), (1 << 15, 17_000))}  # 2.2 GB of nothing
    with pytest.raises(UnsupportedError) as caught:
        write_pair(Caffe2Net(NetDef(name="n"), weights), *_in(tmp_path), split=True)
    assert "init_net_2.pb" in caught.value.what
    assert caught.value.problems[0].advice == ""
    assert list(tmp_path.iterdir()) == []


def test_an_init_net_beyond_the_limit_is_several_that_are_read_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr(splice, "LIMIT", 1000)
    weights = {f"w{i}": np.arange(100, dtype="f4") + i for i in range(25)} | {"index": np.array([3, -1], "i4")}
    told = []
    net, paths = Caffe2Net(NetDef(name="n"), weights), _in(tmp_path)
    digests = write_pair(net, *paths, lambda *step: told.append(step), split=True)
    found = init_nets(paths[2])
    assert [path.name for path in found] == ["init_net.pb", *(f"init_net_{n}.pb" for n in range(2, len(found) + 1))]
    assert len(found) == 13
    assert {path.name for path in found} < set(digests)
    for path in found:
        assert path.stat().st_size < 1000
        assert blake3(path.read_bytes()).hexdigest() == digests[path.name].blake3
    back = read_pair(paths[0], *found)
    assert list(back.weights) == list(weights)
    assert all(np.array_equal(back.weights[name], array) for name, array in weights.items())


def test_an_init_net_that_fits_stays_one_file(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, split in ((one, False), (other, True)):
        folder.mkdir()
        write_pair(small_net(), *_in(folder), split=split)
    assert {p.name: p.read_bytes() for p in one.iterdir()} == {p.name: p.read_bytes() for p in other.iterdir()}


def test_an_init_net_of_exactly_the_limit_is_two(tmp_path, monkeypatch):
    paths = _in(tmp_path)
    write_pair(small_net(), *paths)
    for limit, count in ((0, 2), (1, 1)):
        monkeypatch.setattr(splice, "LIMIT", paths[2].stat().st_size + limit)
        (tmp_path / str(limit)).mkdir()
        write_pair(small_net(), *_in(tmp_path / str(limit)), split=True)
        assert len(init_nets(_in(tmp_path / str(limit))[2])) == count


def test_what_a_later_init_net_makes_again_counts(tmp_path):
    for name, value in (("a", 1), ("b", 2)):
        net = Caffe2Net(NetDef(name=name), {"w": np.full(1, value, "f4"), name: np.zeros(1, "f4")})
        write_pair(net, tmp_path / "p.pb", tmp_path / "p.pbtxt", tmp_path / name)
    found = read_weights(tmp_path / "a", tmp_path / "b")
    assert (list(found), found["w"].tolist()) == (["a", "w", "b"], [2])


def test_an_init_net_may_be_text(tmp_path):
    (tmp_path / "init.pbtxt").write_text(
        'op { type: "GivenTensorFill" output: "w" arg { name: "shape" ints: 2 } arg { name: "values" floats: [1, 2] } }'
    )
    assert read_weights(tmp_path / "init.pbtxt")["w"].tolist() == [1, 2]


def test_damage_names_the_file(paths):
    paths[2].write_bytes(paths[2].read_bytes()[:-3])
    with pytest.raises(InvalidInputError) as caught:
        read_pair(paths[0], paths[2])
    assert caught.value.where.startswith(f"{paths[2]}, byte ")
    with pytest.raises(UsageError):
        read_net(paths[0].parent / "missing")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_net_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    for read in (read_net, read_weights):
        with contextlib.suppress(PipelineError):
            read(path)


@pytest.mark.parametrize("runtime", CAFFE2S)
@pytest.mark.parametrize("several", [False, True])
def test_every_real_caffe2_computes_with_a_written_pair(paths, monkeypatch, several, runtime):
    if several:
        monkeypatch.setattr(splice, "LIMIT", paths[2].stat().st_size)
        write_pair(small_net(), *paths, split=True)
    inits = init_nets(paths[2])
    assert len(inits) == 1 + several
    x = np.random.default_rng(1).normal(size=(2, 6)).astype("f4")
    files = {"predict_net": paths[0]} | {path.stem: path for path in inits}
    job = Job(files, {"data": x}, ["sum", "rows"])
    weights = {name: array.astype("f4") for name, array in small_net().weights.items()}
    (result,) = run(runtime, [job])
    assert result.ok, result.error
    expected = x @ weights["w"].T + weights["b"] + 0.5
    assert np.abs(result.blobs["sum"] - expected).max() < 1e-5
    assert np.array_equal(result.blobs["rows"], weights["table"][[2, 0, 1]])
