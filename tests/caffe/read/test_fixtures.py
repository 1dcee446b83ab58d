"""Networks that Caffe itself has run: ours must give its numbers."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.caffe.files import read_pair
from pipeline.caffe.read import inputs, read
from pipeline.graph.evaluation import run
from tests.support import shared

LAYERS = Path(__file__).parents[2] / "data" / "caffe"


def check(folder):
    io = np.load(folder / "io.npz")
    feeds = [io[f"in{i}"] for i in range(len(io["in_names"]))]
    names = [str(name) for name in io["in_names"]]
    net = read_pair(folder / "deploy.prototxt", folder / "weights.caffemodel")
    graph = read(net, {name: feed.shape for name, feed in zip(names, feeds, strict=True)})
    assert list(inputs(net)) == [value.name for value in graph.inputs] == names
    assert [value.name for value in graph.outputs] == [str(name) for name in io["out_names"]]
    for i, output in enumerate(run(graph, feeds)):
        expected = io[f"out{i}"]
        assert output.shape == expected.shape
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-5 * max(1.0, np.abs(expected).max()))
    return graph


@pytest.mark.parametrize("name", sorted(path.name for path in LAYERS.iterdir()))
def test_a_layer_gives_the_numbers_that_caffe_gave(name):
    check(LAYERS / name)


@pytest.mark.parametrize("name", ["lenet", "lenet_v1", "cifar10_quick", "bvlc_googlenet"])
def test_a_network_gives_the_numbers_that_caffe_gave(name):
    check(shared("fixtures", "caffe", "nets", name))


def test_a_network_of_the_old_form_is_the_same_graph():
    new, old = (check(shared("fixtures", "caffe", "nets", name)) for name in ("lenet", "lenet_v1"))
    assert [(n.name, n.operator) for n in new.nodes] == [(n.name, n.operator) for n in old.nodes]
