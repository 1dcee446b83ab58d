import numpy as np
import pytest

from benchmarks import networks
from benchmarks.networks import Network, Weights, written
from pipeline.torch7 import reader
from pipeline.torch7.objects import TorchObject


class Weightless(Weights):
    """Draws arrays of any size that take no memory."""

    def draw(self, *shape):
        return np.broadcast_to(np.float32(0), shape)


def numbers(module) -> int:
    if isinstance(module, np.ndarray):
        return module.size if module.dtype == np.float32 else 0
    if isinstance(module, TorchObject):
        return sum(numbers(value) for value in module.fields.values())
    return sum(map(numbers, module)) if isinstance(module, list) else 0


@pytest.mark.parametrize(
    ("build", "count"),
    [(networks.alexnet, 61_100_840), (networks.vgg16, 138_357_544), (networks.googlenet, 6_998_552)],
)
def test_architectures_have_as_many_weights_as_published(build, count):
    assert numbers(build(Weightless())) == count


def test_a_residual_network_has_its_layers():
    modules = networks.resnet152(Weightless()).fields["modules"]
    assert sum(module.class_name == "nn.ConcatTable" for module in modules) == 3 + 8 + 36 + 3


def test_the_chain_is_just_what_one_protobuf_file_holds():
    size = 4 * numbers(networks.linear_chain(Weightless()))
    assert 1.8e9 < size < 1 << 31


def test_a_network_is_written_once_and_always_the_same(tmp_path):
    network = Network("two words", lambda weights: networks.narrow(weights, 4), "1x8")
    path = written(network, tmp_path)
    assert written(network, tmp_path) == path
    (tmp_path / "again").mkdir()
    assert written(network, tmp_path / "again").read_bytes() == path.read_bytes()
    assert [m.class_name for m in reader.load(path).fields["modules"].array()] == ["nn.Linear", "nn.ReLU"] * 2
