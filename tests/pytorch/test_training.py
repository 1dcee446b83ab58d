"""A trained network goes on learning in PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from pipeline.graph.input_spec import TensorSpec
from pipeline.pytorch.format import PYTORCH
from pipeline.torch7.importer import read
from tests.graph.nets import Net
from tests.torch7.fixtures import DATA, graph_of, io
from tests.torch7.writer import nn, sequential

DEMO = DATA.parent / "demo"
STEPS = 20


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Give what imports the module in a folder, as its docstring says."""

    def from_folder(folder: Path) -> ModuleType:
        monkeypatch.syspath_prepend(str(folder))
        import model

        return model

    yield from_folder
    sys.modules.pop("model", None)


def test_a_trained_network_is_fine_tuned_and_its_loss_falls(imported, tmp_path):
    (image,), (expected,) = io(DEMO)
    PYTORCH.write(read(DEMO / "model.t7", [TensorSpec(image.shape)], None), tmp_path)
    network = imported(tmp_path).load()
    with torch.no_grad():
        np.testing.assert_allclose(network(torch.from_numpy(image).float()).numpy(), expected, rtol=0, atol=1e-5)
    losses = fine_tuned(network)
    assert losses[-1] < 0.5 * losses[0]


def fine_tuned(network: torch.nn.Module) -> list[float]:
    """Train on random images with random labels; return the loss before each step."""
    torch.manual_seed(0)
    images, labels = torch.randn(16, 1, 32, 32), torch.randint(0, 10, (16,))
    optimizer = torch.optim.SGD(network.train().parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(STEPS):
        loss = torch.nn.functional.nll_loss(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_batch_normalisation_keeps_running_statistics_and_learns(imported, tmp_path):
    net = Net("normal")
    x = net.input("input", (4, 3, 5, 5))
    y = net.add("BatchNormalization", x, net.w(3), net.w(3), net.w(3), net.w(3, low=0.5), name="bn")
    PYTORCH.write(net.finish([net.add("Relu", y, name="relu")]), tmp_path)
    network = imported(tmp_path).load()
    before = network.state_dict()["bn.running_mean"].clone()
    assert {name for name, _ in network.named_parameters()} == {"bn.weight", "bn.bias"}
    network.train()(torch.randn(4, 3, 5, 5) + 3).sum().backward()
    assert not torch.equal(network.state_dict()["bn.running_mean"], before)
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_what_a_network_has_learnt_are_parameters_and_its_constants_are_not(imported, tmp_path):
    net = Net("learnt")
    x = net.input("input", (2, 4))
    scaled = net.add("Mul", x, net.weight(np.ones(4, np.float32), name="1_CMul_weight"), name="1_CMul")
    shifted = net.add("Sub", scaled, net.weight(np.ones(4, np.float32), name="2_mean"), name="2")
    PYTORCH.write(net.finish([net.add("Mul", shifted, net.constant(0.5), name="3")]), tmp_path)
    network = imported(tmp_path).load()
    assert len(list(network.parameters())) == 1
    assert len(list(network.buffers())) == 1


def test_tied_weights_stay_tied_while_they_learn(imported, tmp_path):
    net = Net("tied")
    weight = net.w(6, 6)
    x = net.add("Gemm", net.input("input", (2, 6)), weight, net.w(6), transB=1, name="one")
    PYTORCH.write(net.finish([net.add("Gemm", x, weight, net.w(6), transB=1, name="two")]), tmp_path)
    network = imported(tmp_path).load()
    assert network.get_submodule("one").weight is network.get_submodule("two").weight
    assert len(list(network.parameters())) == 3


def test_a_weight_that_a_layer_and_an_expression_share_stays_one(imported, tmp_path):
    net = Net("shared")
    weight = net.weight(np.eye(6, dtype=np.float32), name="one_weight")
    x = net.add("Gemm", net.input("input", (6, 6)), weight, None, transB=1, name="one")
    PYTORCH.write(net.finish([net.add("Mul", x, weight, name="two")]), tmp_path)
    network = imported(tmp_path).load()
    assert len(list(network.parameters())) == 1
    torch.testing.assert_close(network(torch.ones(6, 6)), torch.eye(6))


@pytest.mark.parametrize(
    ("module", "shape", "kept"),
    [
        (nn("Dropout", p=0.25, v2=True), (40, 50), 4 / 3),
        (nn("Dropout", p=0.25, v2=True, inplace=True), (40, 50), 4 / 3),
        (nn("Dropout", p=0.25), (40, 50), 1),
        (nn("SpatialDropout", p=0.25), (40, 50, 2, 3), 1),
        (nn("SpatialDropout", p=0.25), (2000, 2, 3), 1),
        (nn("VolumetricDropout", p=0.25), (40, 50, 2, 1, 3), 1),
        (nn("VolumetricDropout", p=0.25), (2000, 2, 1, 3), 1),
    ],
)
def test_a_dropout_drops_in_training_as_torch7_does(imported, tmp_path, module, shape, kept):
    PYTORCH.write(graph_of(sequential(module, nn("MulConstant", constant_scalar=2)), shape), tmp_path)
    network = imported(tmp_path).load()
    torch.manual_seed(0)
    y = network.train()(torch.ones(shape)).numpy().reshape(2000, -1)
    np.testing.assert_allclose(np.unique(y), [0, 2 * kept], rtol=1e-6)
    assert (y == y[:, :1]).all(), "maps are dropped as a whole"
    assert 0.2 < np.mean(y == 0) < 0.3
