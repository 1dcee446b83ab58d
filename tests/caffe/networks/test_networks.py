"""Networks that people use, from the prototxt to Caffe2: they translate, and everybody computes the same."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

from pipeline.caffe import files
from pipeline.caffe.read import read
from pipeline.caffe2 import files as caffe2_files
from pipeline.caffe2.read import read as read_caffe2
from pipeline.caffe2.write import write
from pipeline.graph.comparison import compare
from pipeline.graph.evaluation import run as evaluate
from pipeline.graph.passes import apply
from pipeline.graph.values import Graph
from pipeline.runtimes import discovery
from pipeline.runtimes.runtime import Job, run
from tests.caffe.networks.alexnet import alexnet, caffenet, rcnn
from tests.caffe.networks.densenet import densenet121
from tests.caffe.networks.googlenet import googlenet
from tests.caffe.networks.resnet import resnet
from tests.caffe.networks.small import mobilenet, squeezenet
from tests.caffe.networks.unet import unet
from tests.caffe.networks.vgg import fcn8s, ssd, vgg16

NETWORKS = {
    "AlexNet": alexnet,
    "CaffeNet": caffenet,
    "R-CNN": rcnn,
    "GoogLeNet": googlenet,
    "VGG-16": vgg16,
    "ResNet-50": partial(resnet, 50),
    "ResNet-101": partial(resnet, 101),
    "ResNet-152": partial(resnet, 152),
    "SqueezeNet": squeezenet,
    "MobileNet": mobilenet,
    "DenseNet-121": densenet121,
    "FCN-8s": fcn8s,
    "U-Net": unet,
    "SSD": ssd,
}
RUNTIMES = [found for found in discovery.runtimes(os.environ) if found.reads in ("caffe", "caffe2")]
NOT_IN_CAFFE = {"SSD"}  # its layers are of a branch of Caffe, which OpenCV knows
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Network:
    """A network in its files, as the graph that was read from them, and what it computes."""

    files: dict[str, Path]
    graph: Graph
    feeds: list[np.ndarray]
    outputs: list[np.ndarray]
    layers: int

    def check(self, found: list[np.ndarray]) -> None:
        for array, wanted in zip(found, self.outputs, strict=True):
            assert array.shape == wanted.shape
            assert compare(array, wanted).within(TOLERANCE)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Write, read and evaluate each network once."""
    base = tmp_path_factory.mktemp("networks")

    @cache
    def make(name: str) -> Network:
        folder = base / name
        folder.mkdir()
        kinds = ("deploy.prototxt", "net.caffemodel", "predict_net.pb", "init_net.pb", "predict_net.pbtxt")
        prototxt, caffemodel, predict, init, text = (folder / kind for kind in kinds)
        net = NETWORKS[name]()
        files.write_pair(net, prototxt, caffemodel)
        graph = read(files.read_pair(prototxt, caffemodel))
        caffe2_files.write_pair(write(graph), predict, text, init)
        random = np.random.default_rng(0)
        feeds = [random.normal(size=value.shape).astype(np.float32) for value in graph.inputs]
        paths = {"prototxt": prototxt, "caffemodel": caffemodel, "predict_net": predict, "init_net": init}
        return Network(paths, graph, feeds, evaluate(graph, feeds), len(net.net.layer))

    return make


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_many_layers_translates_and_reads_back_as_the_same(name, made):
    network = made(name)
    assert network.layers > 20
    # The numbers would tell of a difference: they are not all alike, nor probabilities of 0 and 1.
    assert all(5e-3 < output.std() < 20 and np.median(np.abs(output)) > 1e-4 for output in network.outputs)
    pair = caffe2_files.read_pair(network.files["predict_net"], network.files["init_net"])
    back = read_caffe2(pair, {value.name: value.shape for value in network.graph.inputs})
    network.check(evaluate(back, network.feeds))


@pytest.mark.parametrize("name", ["ResNet-50", "MobileNet", "DenseNet-121"])
def test_batch_norms_fold_into_the_convolutions_before_them(name, made):
    network = made(name)
    folded, changes = apply(network.graph, ["fold_batchnorm", "explicit_pads", "remove_identity"])
    network.check(evaluate(folded, network.feeds))
    norms = sum(change.operator == "BatchNormalization" for change in changes)
    left = sum(node.operator.name == "BatchNormalization" for node in folded.nodes)
    total = sum(node.operator.name == "BatchNormalization" for node in network.graph.nodes)
    assert norms + left == total
    assert left == (0 if name != "DenseNet-121" else 62)  # those behind a Concat or a Pooling have no convolution


@pytest.mark.parametrize("runtime", RUNTIMES or [None], ids=lambda runtime: runtime.title if runtime else "none")
def test_independent_runtimes_compute_the_same_of_every_network(runtime, made):
    if runtime is None:
        pytest.skip("no runtime was found")
    asked = {}
    for name in NETWORKS if runtime.name != "Caffe" else NETWORKS.keys() - NOT_IN_CAFFE:
        network = made(name)
        assert not runtime.doubt(network.files)
        roles = ("prototxt", "caffemodel") if runtime.reads == "caffe" else ("predict_net", "init_net")
        feeds = {value.name: array for value, array in zip(network.graph.inputs, network.feeds, strict=True)}
        wanted = [value.name for value in network.graph.outputs]
        asked[name] = Job({role: network.files[role] for role in roles}, feeds, wanted)
    for (name, job), result in zip(asked.items(), run(runtime, list(asked.values())), strict=True):
        assert result.ok, f"{name}: {result.stage}: {result.error}"
        made(name).check([result.blobs[blob] for blob in job.wanted])
