"""States as inputs and outputs: what a network gives over a whole sequence, it gives over two halves of it in turn."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.graph.evaluation import run
from pipeline.graph.input_spec import TensorSpec
from pipeline.graph.values import Graph
from pipeline.torch7.importer import lower
from pipeline.torch7.mode import Mode
from pipeline.torch7.module import Module
from tests.support import numbers
from tests.torch7.fixtures import as_read, graph_of
from tests.torch7.modules.test_cudnn import layer
from tests.torch7.modules.test_recurrent import BATCH, INPUTS, SIZE, fast_lstm, linear
from tests.torch7.writer import nn

STEPS = 4
RECURRENT = nn(
    "Recurrent",
    modules=[
        nn("Add", bias=numbers(SIZE)),
        linear(numbers(SIZE, INPUTS)),
        linear(numbers(SIZE, SIZE, seed=1)),
        nn("Tanh"),
        nn("CAddTable"),
    ],
)


def weights(blocks):
    return {"weight": numbers(INPUTS + SIZE, blocks * SIZE), "bias": numbers(blocks * SIZE, seed=1)}


def of_torch_rnn(kind, blocks):
    return nn(kind, input_dim=INPUTS, hidden_dim=SIZE, **weights(blocks))


def stepwise(module):
    return nn("Sequencer", modules=[module])


CASES = [
    (stepwise(fast_lstm(numbers(4 * SIZE, INPUTS), numbers(4 * SIZE, SIZE, seed=1), numbers(4 * SIZE))), 0, 2),
    (nn("SeqLSTM", inputsize=INPUTS, hiddensize=SIZE, **weights(4)), 0, 2),
    (nn("SeqLSTM", inputsize=INPUTS, hiddensize=SIZE, batchfirst=True, **weights(4)), 1, 2),
    (nn("SeqGRU", inputSize=INPUTS, outputSize=SIZE, **weights(3)), 0, 1),
    (of_torch_rnn("LSTM", 4), 1, 2),
    (of_torch_rnn("GRU", 3), 1, 1),
    (of_torch_rnn("VanillaRNN", 1), 1, 1),
    (layer("cudnn.LSTM", "CUDNN_LSTM", 2)[0], 0, 4),
    (layer("cudnn.GRU", "CUDNN_GRU", 2)[0], 0, 2),
]


def with_states(module, shape) -> Graph:
    return lower(Module(as_read(module)), [TensorSpec(shape)], mode=Mode(states=True)).graph


@pytest.mark.parametrize(("module", "axis", "states"), CASES)
def test_two_halves_of_a_sequence_give_what_the_whole_gives(module, axis, states):
    x = numbers(STEPS, BATCH, INPUTS, seed=5) if axis == 0 else numbers(BATCH, STEPS, INPUTS, seed=5)
    (whole,) = run(graph_of(module, x.shape), [x])
    first, second = np.split(x, 2, axis)
    graph = with_states(module, first.shape)
    assert [value.shape for value in graph.inputs[1:]] == [(BATCH, SIZE)] * states
    y, *middle = run(graph, [first, *[np.zeros((BATCH, SIZE), np.float32)] * states])
    z, *_ = run(graph, [second, *middle])
    np.testing.assert_allclose(np.concatenate([y, z], axis), whole, atol=1e-6)


def test_a_recurrent_goes_on_from_its_last_output():
    x = numbers(3, BATCH, INPUTS, seed=3)
    (whole,) = run(graph_of(stepwise(RECURRENT), x.shape), [x])
    graph = with_states(stepwise(RECURRENT), (2, BATCH, INPUTS))
    rest, last = run(graph, [x[1:], whole[0]])
    np.testing.assert_allclose(rest, whole[1:], atol=1e-6)
    np.testing.assert_allclose(last, whole[-1], atol=1e-6)


def test_the_inputs_are_named_after_their_modules():
    graph = with_states(of_torch_rnn("LSTM", 4), (BATCH, 1, INPUTS))
    assert [value.name for value in graph.inputs] == ["input", "LSTM_state1", "LSTM_state2"]
    assert len(graph.outputs) == 3


def test_states_that_are_given_already_stay_as_they_are():
    shapes = [(BATCH, SIZE), (BATCH, SIZE), (BATCH, 2, INPUTS)]
    graph = lower(
        Module(as_read(of_torch_rnn("LSTM", 4))), [TensorSpec(s) for s in shapes], mode=Mode(states=True)
    ).graph
    assert (len(graph.inputs), len(graph.outputs)) == (3, 1)


def test_a_network_without_states_of_its_own_is_told_so():
    notes = []
    lower(Module(as_read(nn("Tanh"))), [TensorSpec((2, 3))], mode=Mode(states=True), note=notes.append)
    assert notes == ["no module of the network keeps a state of its own, and --states has no effect"]


def test_a_repeater_starts_from_zeros_all_the_same():
    step = fast_lstm(numbers(4 * SIZE, INPUTS), numbers(4 * SIZE, SIZE, seed=1), numbers(4 * SIZE))
    graph = with_states(nn("Repeater", rho=2, modules=[step]), (BATCH, INPUTS))
    assert (len(graph.inputs), len(graph.outputs)) == (1, 2)
