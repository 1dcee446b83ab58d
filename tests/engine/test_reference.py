"""The shapes of a network's inputs where only a reference has them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pipeline.caffe.format import CAFFE
from pipeline.config import load
from pipeline.engine import runner
from pipeline.engine.events import unheard
from pipeline.engine.reference import with_shapes
from pipeline.engine.sources import Entrance, recognise
from pipeline.errors import InvalidInputError, UsageError
from tests.support import convert, numbers
from tests.torch7.writer import nn, save, sequential


@pytest.fixture
def options(tmp_path):
    np.savez(tmp_path / "io.npz", in0=np.ones((2, 3)), in1=np.ones(4), out0=np.ones(1))
    model = save(tmp_path / "net.t7", sequential(nn("Tanh")))
    (found,) = load(None, {"model": model, "reference": tmp_path / "io.npz"}, {})
    return found


def test_a_reference_gives_the_shapes_that_nobody_typed(options):
    assert with_shapes(options, recognise(options)).inputs == ("2x3", "4")


def test_shapes_that_were_typed_and_those_of_other_formats_stay(options):
    typed = replace(options, inputs=("1x3",))
    assert with_shapes(typed, recognise(typed)) is typed
    assert with_shapes(options, Entrance(CAFFE, {"prototxt": options.model})) is options


def test_a_reference_that_is_no_npz_is_refused(options):
    options.reference.write_bytes(b"no zip")
    with pytest.raises(InvalidInputError, match="npz"):
        with_shapes(options, recognise(options))


def test_a_conversion_goes_by_the_shapes_of_its_reference_and_records_what_was_asked(tmp_path):
    weight = numbers(2, 3)
    x = numbers(5, 3, seed=1)
    np.savez(tmp_path / "io.npz", in0=x, out0=x @ weight.T)
    model = save(tmp_path / "net.t7", sequential(nn("Linear", weight=weight)))
    outcome = convert(model, tmp_path / "out", reference=tmp_path / "io.npz", runtimes=())
    assert outcome.exit_code == 0 and outcome.record.options["inputs"] == []
    ports = json.loads((tmp_path / "out" / "manifest.json").read_text())["inputs"]
    assert [port["shape"] for port in ports] == [[5, 3]]


def test_another_reference_makes_no_network_again_for_its_own_batch(tmp_path):
    weight, out = numbers(2, 3), tmp_path / "out"
    x = {"a.npz": numbers(5, 3), "b.npz": numbers(4, 3, seed=1), "c.npz": numbers(5, 3, seed=2)}
    for name, rows in x.items():
        np.savez(tmp_path / name, in0=rows, out0=rows @ weight.T)
    model = save(tmp_path / "net.t7", sequential(nn("Linear", weight=weight)))
    convert(model, out, reference=tmp_path / "a.npz", runtimes=())
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(UsageError, match=r"has inputs of 4x3, but the networks in .* take 5x3") as refused:
        runner.resume(out, unheard, changes={"verify": True, "reference": tmp_path / "b.npz"})
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    agrees = runner.resume(out, unheard, changes={"verify": True, "reference": tmp_path / "c.npz"})
    nets = {name for name in before if name.endswith((".pb", "prototxt", ".caffemodel", ".pbtxt"))}
    assert agrees.exit_code == 0 and len(nets) == 5
    assert {name: (out / name).read_bytes() for name in nets} == {name: before[name] for name in nets}
    again = refused.value.advice.partition(": ")[2]
    assert again == f"torch2caffe2 resume {out} --reference {tmp_path / 'b.npz'} --input 4x3"


def test_a_shape_that_was_found_is_noted_in_the_record(tmp_path):
    model = save(tmp_path / "net.t7", sequential(nn("Linear", weight=numbers(2, 3))))
    outcome = convert(model, tmp_path / "out", inputs=("auto",), verify=False)
    (note,) = outcome.record.stages[0].notes
    assert outcome.exit_code == 0 and "--input 1x3" in note and "any batch" in note
