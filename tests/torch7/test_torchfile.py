"""Where torchfile reads a file rightly, ours must give the same; and ours must read every class that it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torchfile

from pipeline.torch7.objects import LuaFunction, LuaValue, Storage, Table, Tensor, TorchObject
from pipeline.torch7.payloads import PAYLOADS
from pipeline.torch7.reader import load

DATA = Path(__file__).parents[1] / "data" / "torch7"
READABLE = [
    "checkpoint_two_models", "function_member", "little_endian", "object_cyclic_table", "object_sharing",
    "self_reference", "shared_module_object", "sparse_modules_table", "stride0_expanded",
]  # fmt: skip


def assert_same(ours: LuaValue, theirs: Any) -> None:
    """Compare whole object graphs, each pair of objects once."""
    waiting, seen = [(ours, theirs)], set()
    while waiting:
        a, b = waiting.pop()
        if (id(a), id(b)) in seen:
            continue
        seen.add((id(a), id(b)))
        match a:
            case TorchObject():
                assert a.class_name.encode() == b._typename
                assert a.version == b._version_number
                waiting.append((a.fields, b._obj))
            case Table():
                pairs = dict(enumerate(b, 1)) if isinstance(b, list) else b
                assert len(a) == len(pairs)
                for key, value in a.items():
                    other = key.encode() if isinstance(key, str) else key
                    if not isinstance(key, TorchObject | Table):
                        waiting.append((value, pairs[other]))
            case Tensor():
                np.testing.assert_array_equal(a.numpy(), b)
            case Storage():
                np.testing.assert_array_equal(a.data, b)
            case LuaFunction():
                assert isinstance(b, torchfile.LuaFunction)
            case str():
                assert a.encode("utf-8", "surrogateescape") == b
            case _:
                assert a == b


@pytest.mark.parametrize("name", READABLE)
def test_a_file_reads_as_torchfile_reads_it(name):
    theirs = torchfile.load(str(DATA / f"{name}.t7"))
    assert_same(load(DATA / f"{name}.t7"), theirs)


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("big_endian", "little_endian"),
        ("object_all_tensor_types_ascii", "object_all_tensor_types"),
        ("object_scalars_ascii", "object_scalars"),
        ("object_sharing_ascii", "object_sharing"),
    ],
)
def test_an_encoding_that_torchfile_cannot_read_gives_the_same_as_one_that_it_can(name, twin):
    def flat(value: LuaValue, seen: tuple[int, ...] = ()) -> Any:
        if isinstance(value, TorchObject):
            return value.class_name, flat(value.fields, seen)
        if isinstance(value, Table):
            inner = (*seen, id(value))
            return {
                str(k): flat(v, inner) for k, v in sorted(value.items(), key=lambda i: str(i[0])) if id(v) not in seen
            }
        if isinstance(value, Tensor | Storage):
            array = value.numpy() if isinstance(value, Tensor) else value.data
            return value.type_name, array.tolist()
        return str(value)  # nan equals itself then

    assert flat(load(DATA / f"{name}.t7")) == flat(load(DATA / f"{twin}.t7"))


def test_every_class_that_torchfile_reads_is_read():
    assert {name.decode() for name in torchfile.type_handlers} <= set(PAYLOADS)


def test_files_with_longs_of_four_bytes_are_read():
    first, second, third = load(DATA / "long32_object.t7").array()
    assert first.numpy().tolist() == [[1, 2, 3], [4, 5, -6]]
    assert second.numpy().tolist() == [[1, 2], [3, 4]]
    assert third.data.tolist() == [7, 8]


def test_files_without_version_strings_are_read():
    net = load(DATA / "no_version_ascii.t7")
    assert (net.class_name, net.version) == ("nn.Sequential", 0)
    assert net.get("modules")[1].get("weight").numpy().ndim == 4


def test_tensors_of_halves_are_read():
    weight = load(DATA / "cuda_half.t7").get("modules")[1].get("weight")
    assert weight.type_name == "torch.CudaHalfTensor"
    assert weight.dtype == np.float16
    assert np.isfinite(weight.numpy()).all()


def test_both_objects_of_a_gpu_module_are_read():
    net = load(DATA / "nn_GPU.t7")
    gpu = next(m for m in net.get("modules").array() if m.class_name == "nn.GPU")
    assert gpu.get("modules").array()


def test_booleans_and_numbers_stay_different_keys():
    scalars = load(DATA / "object_scalars.t7")
    assert scalars[True] != scalars[1]
