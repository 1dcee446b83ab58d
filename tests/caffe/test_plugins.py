"""Layers of Caffe that only the user has: what a plugin says of them, with fields that the schema lacks."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.caffe import layer as registered
from pipeline.caffe.read.reader import READS
from pipeline.errors import UnsupportedError
from tests.caffe.read.nets import layer, result
from tests.support import numbers

PLUGIN = """
from pipeline.caffe import layer


@layer("Python", module="mine.scale", layer="Scale")
def scale(layer, net):
    net.give(layer, net.add("Mul", layer.bottom, net.constant(float(layer.parameters()["factor"]))))


@layer("MyShift")
def shift(layer, net):
    net.give(layer, net.add("Add", layer.bottom, net.constant(float(layer.lacking("my_shift_param.by")))))
"""
NET = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 } } }
layer { name: "s" type: "Python" bottom: "x" top: "s"
        python_param { module: "mine.scale" layer: "Scale" param_str: "{'factor': %s}" } }
layer { name: "y" type: "MyShift" bottom: "s" top: "y" my_shift_param { by: 0.5 } }
"""


def convert(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Convert in a process of its own, which has loaded no plugin yet."""
    files = [folder / "net.prototxt", "--weights", folder / "net.caffemodel"]
    where = ["-o", folder / "out", "--store", folder / "store"]
    return subprocess.run(
        [sys.executable, "-m", "pipeline", "convert", *files, *where, *words],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET % 3)
    (tmp_path / "net.caffemodel").write_bytes(b"\x0a\x01n")
    (tmp_path / "plug.py").write_text(PLUGIN)
    return tmp_path


def test_layers_of_a_plugin_are_converted_and_verified(folder):
    done = convert(folder, "--plugin", folder / "plug.py", "--runtime", "caffe2")
    assert done.returncode == 0, done.stderr
    checks = json.loads((folder / "out" / "verification.json").read_text())["checks"]
    assert {check["status"] for check in checks} == {"agrees"}


def test_a_plugin_that_changes_converts_again(folder):
    convert(folder, "--plugin", folder / "plug.py", "--no-verify")
    before = (folder / "out" / "init_net.pb").read_bytes()
    (folder / "plug.py").write_text(PLUGIN.replace("float(layer.parameters", "2 * float(layer.parameters"))
    done = convert(folder, "--plugin", folder / "plug.py", "--no-verify")
    assert done.returncode == 0, done.stderr
    assert (folder / "out" / "init_net.pb").read_bytes() != before


def test_without_the_plugin_both_layers_are_refused(folder):
    done = convert(folder, "--no-verify")
    assert done.returncode == 4
    assert "mine.scale.Scale" in done.stderr
    assert "MyShift" in done.stderr


@pytest.fixture
def shift():
    name = "MyShift"

    @registered(name)
    def read(each, net):
        net.give(each, net.add("Add", each.bottom, net.constant(float(each.lacking("my_shift_param.by")))))

    yield name
    READS._entries.pop(name)


def test_fields_that_the_schema_lacks_are_read_as_they_were_written(shift):
    graph = layer(shift, "x", param="my_shift_param { by: 0.5 }", x=(2, 3))
    np.testing.assert_allclose(result(graph, numbers(2, 3)), numbers(2, 3) + 0.5)


def test_a_field_that_the_plugin_does_not_ask_for_is_refused(shift):
    with pytest.raises(UnsupportedError) as caught:
        layer(shift, "x", param="my_shift_param { by: 0.5 other: 1 }", x=(2, 3))
    assert [problem.origin for problem in caught.value.problems] == ["y.my_shift_param.other"]
