from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.errors import InvalidInputError
from tests.support import numbers
from tests.torch7.fixtures import check, refusal, results
from tests.torch7.writer import nn

INPUTS, SIZE, BATCH, STEPS = 3, 4, 2, 5
OURS = {
    "CUDNN_LSTM": torch.nn.LSTM,
    "CUDNN_GRU": torch.nn.GRU,
    "CUDNN_RNN_TANH": torch.nn.RNN,
    "CUDNN_RNN_RELU": lambda *sizes, **options: torch.nn.RNN(*sizes, nonlinearity="relu", **options),
}


def layer(kind, mode, layers=1, both=False, **fields):
    """Make cuDNN's layer and PyTorch's: the matrices of all layers and directions, then all biases."""
    torch.manual_seed(0)
    ours = OURS[mode](INPUTS, SIZE, num_layers=layers, bidirectional=both)
    held = dict(ours.named_parameters())
    order = [f"l{i}{suffix}" for i in range(layers) for suffix in ("", "_reverse")[: 1 + both]]
    buffer = [held[f"{name}_{which}_{at}"] for name in ("weight", "bias") for at in order for which in ("ih", "hh")]
    weight = torch.cat([part.detach().reshape(-1) for part in buffer]).numpy()
    direction = "CUDNN_BIDIRECTIONAL" if both else "CUDNN_UNIDIRECTIONAL"
    sizes = {"inputSize": INPUTS, "hiddenSize": SIZE, "numLayers": layers, "mode": mode, "bidirectional": direction}
    return nn(kind, weight=weight, inputMode="CUDNN_LINEAR_INPUT", **sizes, **fields), ours


def computed(ours, x):
    with torch.no_grad():
        return ours(torch.from_numpy(x))[0].numpy()


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(
    ("kind", "mode", "both"),
    [
        ("cudnn.LSTM", "CUDNN_LSTM", False),
        ("cudnn.BLSTM", "CUDNN_LSTM", True),
        ("cudnn.GRU", "CUDNN_GRU", False),
        ("cudnn.BGRU", "CUDNN_GRU", True),
        ("cudnn.RNNTanh", "CUDNN_RNN_TANH", False),
        ("cudnn.RNNReLU", "CUDNN_RNN_RELU", False),
        ("cudnn.RNN", "CUDNN_RNN_RELU", True),
    ],
)
def test_computes_what_pytorchs_layer_with_the_same_buffer_does(kind, mode, both, layers):
    module, ours = layer(kind, mode, layers, both)
    x = numbers(STEPS, BATCH, INPUTS)
    check(module, x, expected=computed(ours, x))


def test_the_batch_may_come_first():
    module, ours = layer("cudnn.LSTM", "CUDNN_LSTM", batchFirst=True)
    x = numbers(STEPS, BATCH, INPUTS)
    check(module, np.ascontiguousarray(x.swapaxes(0, 1)), expected=computed(ours, x).swapaxes(0, 1))


def test_a_buffer_of_another_size_is_refused():
    module, _ = layer("cudnn.LSTM", "CUDNN_LSTM")
    module.fields["weight"] = module.fields["weight"][:-1]
    assert refusal(module, numbers(STEPS, BATCH, INPUTS)) == "has 143 weights, where its layers need 144"


@pytest.mark.parametrize("layers", [0, 10**9])
def test_a_number_of_layers_that_no_buffer_holds_is_damage(layers):
    module, _ = layer("cudnn.GRU", "CUDNN_GRU")
    module.fields["numLayers"] = layers
    with pytest.raises(InvalidInputError, match=f"has {layers} layers of 4"):
        results(module, numbers(STEPS, BATCH, INPUTS))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"inputMode": "CUDNN_SKIP_INPUT"}, "layout is not known"),
        ({"mode": "CUDNN_NEW"}, "layout is not known"),
        ({"hiddenInput": numbers(1, BATCH, SIZE)}, "set as its hiddenInput"),
    ],
)
def test_what_is_not_certain_is_refused(fields, reason):
    module, _ = layer("cudnn.GRU", "CUDNN_GRU")
    for name, value in fields.items():
        module.fields[name] = value
    assert reason in refusal(module, numbers(STEPS, BATCH, INPUTS))
