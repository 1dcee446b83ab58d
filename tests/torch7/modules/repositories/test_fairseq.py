from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.errors import UsageError
from tests.support import numbers
from tests.torch7.fixtures import check, refusal, results
from tests.torch7.modules.test_cudnn import BATCH, INPUTS, SIZE, STEPS, layer
from tests.torch7.writer import nn, sequential


def test_a_one_is_appended_to_every_row():
    x = numbers(2, 3)
    check(nn("AppendBias"), x, expected=np.hstack([x, np.ones((2, 1))]))


def test_a_product_by_beams_is_a_product_in_evaluation():
    a, b = numbers(2, 3, 4), numbers(2, 4, 5, seed=1)
    check(nn("BeamableMM", beam=2, transA=False, transB=False), [a, b], expected=a @ b)


def test_a_sum_is_multiplied():
    x, y = numbers(2, 3), numbers(2, 3, seed=1)
    check(nn("CAddTableMulConstant", constant_scalar=0.5), [x, y], expected=(x + y) / 2)


def test_a_multiplied_gradient_runs_its_module():
    x = numbers(2, 3)
    check(sequential(nn("Tanh"), kind="GradMultiply", factor=0.1), x, expected=np.tanh(x))


def test_the_first_is_scaled_by_the_length_of_the_second():
    x, y = numbers(2, 3), numbers(2, 5, 4, seed=1)
    check(nn("SeqMultiply"), [x, y], expected=x * 5 * np.sqrt(1 / 5))


def test_an_element_is_zipped_along_a_table():
    x, y, z = numbers(2, 3), numbers(1, 3, seed=1), numbers(3, seed=2)
    check(sequential(nn("ZipAlong"), nn("FlattenTable")), [[x, y], z], expected=[x, z, y, z])


def test_a_layer_with_another_module_for_evaluation_must_have_it():
    x = numbers(2, 3)
    layers = (nn("Exp"), nn("Tanh"))
    check(sequential(*layers, kind="ConvBlockTrainTestLayer", train=False), x, expected=np.tanh(x))
    assert "when evaluate" in refusal(sequential(*layers, kind="TrainTestLayer", train=True), x)


@pytest.mark.parametrize("width", [1, 3])
def test_a_convolution_of_the_last_step_starts_after_zeros(width):
    weight, bias, x = numbers(4, width * 2), numbers(4, seed=1), numbers(3, 1, 2, seed=2)
    past = np.zeros((3, width - 1, 2))
    expected = np.concatenate([past, x], 1).reshape(3, -1) @ weight.T + bias
    check(nn("LinearizedConvolution", kw=width, weight=weight, bias=bias), x, expected=expected[:, None])
    with pytest.raises(UsageError, match="for which a weight of 4x"):
        results(nn("LinearizedConvolution", kw=10**9, weight=weight, bias=bias), x)


@pytest.mark.parametrize(("kind", "mode"), [("cudnn.LSTM", "CUDNN_LSTM"), ("cudnn.GRU", "CUDNN_GRU")])
def test_cudnns_layers_over_a_table_take_and_give_their_states(kind, mode):
    layers = 2
    rnn, ours = layer(kind, mode, layers)
    steps = numbers(STEPS, BATCH, INPUTS)
    hidden, cells = numbers(layers, BATCH, SIZE, seed=1), numbers(layers, BATCH, SIZE, seed=2)
    lstm = mode == "CUDNN_LSTM"
    view = nn("View", size=[1, -1, INPUTS], numElements=-INPUTS)
    module = sequential(
        sequential(view, kind="MapTable"),
        nn("JoinTable", dimension=1),
        rnn,
        nn("SplitTable", dimension=1),
        kind="CudnnRnnTable",
        rnn=rnn,
    )
    first = [torch.from_numpy(state) for state in (hidden, cells)]
    with torch.no_grad():
        outputs, ends = ours(torch.from_numpy(steps), tuple(first) if lstm else first[0])
    ends = [state.numpy() for state in (ends[::-1] if lstm else [ends])]  # PyTorch gives the hidden ones first
    check(module, [[cells, hidden] if lstm else hidden, list(steps)], expected=[*ends, *outputs.numpy()])
