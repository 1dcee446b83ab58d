"""Trained networks of Caffe's users, against the numbers that Caffe, or OpenCV's dnn, computed."""

import json

import numpy as np
import pytest

from pipeline.caffe import files
from pipeline.caffe.read import read
from pipeline.caffe2.write import write
from pipeline.graph.evaluation import run
from tests.support import shared

NAMES = (
    "caffe-cifar10-quick-h5",
    "caffe-hyperlpr-fine-fp16",
    "caffe-mnist-kzkapr",
    "caffe-mtcnn-det1",
    "caffe-mtcnn-det2",
    "caffe-res10-ssd",
    "caffe-wechat-sr",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_trained_network_computes_what_its_framework_does_and_is_written_for_caffe2(name):
    folder = shared("fixtures", "caffe_real", name)
    meta = json.loads((folder / "meta.json").read_text())
    known = np.load(folder / "io.npz")
    given = {each: known[f"in{i}"] for i, each in enumerate(meta["in_names"])}
    net = files.read_pair(folder / "deploy.prototxt", folder / "weights.caffemodel")
    graph = read(net, {each: array.shape for each, array in given.items()}, outputs=meta["out_names"])
    for i, found in enumerate(run(graph, given)):
        np.testing.assert_allclose(found, known[f"out{i}"], atol=meta["tolerance"] * max(1, np.abs(found).max()))
    write(graph)
