"""A part of a Caffe network, chosen by rules and by the blob that it ends with, through the whole program."""

import json

import numpy as np
import pytest

from pipeline.caffe.files import read_net, write_pair
from pipeline.postprocess import detection_output
from tests.caffe.forks import FORKS
from tests.caffe.read.test_detection import FIELDS, MAPS, detector, expected, feeds
from tests.support import CAFFES, convert

TEXT = """
name: "staged"
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 4 } } }
layer { name: "a" type: "Power" bottom: "x" top: "y" power_param { scale: 2 } include { stage: "double" } }
layer { name: "b" type: "Power" bottom: "x" top: "y" power_param { scale: 3 } include { not_stage: "double" } }
layer { name: "r" type: "ReLU" bottom: "y" top: "z" }
layer { name: "q" type: "Mystery" bottom: "z" top: "q" }
"""


@pytest.fixture
def pair(tmp_path):
    paths = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    paths[0].write_text(TEXT)
    paths[1].write_bytes(b"\x0a\x06staged")
    return paths


def test_only_the_layers_of_the_stage_that_the_output_needs_are_converted(pair, tmp_path):
    done = convert(pair[0], tmp_path / "out", weights=pair[1], stages=("double",), outputs=("z",), verify=False)
    assert done.exit_code == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [port["name"] for port in manifest["outputs"]] == ["z"]


@pytest.mark.parametrize("runtime", CAFFES)
def test_a_real_caffe_judges_the_part_alone(pair, tmp_path, runtime):
    how = {"stages": ("double",), "cut": ("Mystery",), "runtimes": ("caffe",)}
    convert(pair[0], tmp_path / "out", weights=pair[1], **how)
    assert [layer.name for layer in read_net(tmp_path / "out" / "selected.prototxt").layer] == ["x", "a", "r"]
    checks = json.loads((tmp_path / "out" / "verification.json").read_text())["checks"]
    assert {check["status"] for check in checks} == {"agrees"}


def test_the_manifest_tells_what_stood_behind_the_cut_with_its_parameters(tmp_path):
    paths = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    write_pair(detector(FIELDS), *paths)
    done = convert(paths[0], tmp_path / "out", weights=paths[1], cut=("DetectionOutput",), verify=False)
    assert done.exit_code == 0
    (layer,) = json.loads((tmp_path / "out" / "manifest.json").read_text())["cut"]
    assert (layer["layer"], layer["type"]) == ("det", "DetectionOutput")
    assert layer["bottoms"] == ["loc", "conf", "priors"]
    given = feeds(FIELDS)
    image = np.zeros(MAPS["image"])
    param = {"min_size": [20], "max_size": [30], "aspect_ratio": [2], "variance": [0.1, 0.1, 0.2, 0.2]}
    fork = FORKS["PriorBox"].run
    priors = [fork({"prior_box_param": param}, [np.zeros(MAPS[name]), image], [], 1)[0] for name in "fg"]
    found = detection_output(*given, np.concatenate(priors, axis=2), **layer["parameters"]["detection_output_param"])
    np.testing.assert_allclose(found, expected(FIELDS, given), rtol=1e-5, atol=1e-6)
