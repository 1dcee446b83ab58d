from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support import numbers, sigmoid
from tests.torch7.fixtures import check, results
from tests.torch7.writer import nn, sequential

BATCH, INPUTS, SIZE, STEPS = 2, 3, 4, 5


def linear(weight, bias=None):
    return nn("Linear", weight=weight) if bias is None else nn("Linear", weight=weight, bias=bias)


def fast_lstm(weight, inner, bias):
    """Build the module of rnn's FastLSTM; its gates are input, candidate, forget, output."""
    gates = sequential(
        nn("NarrowTable", offset=1, length=2),
        sequential(linear(weight, bias), nn("LinearNoBias", weight=inner), kind="ParallelTable"),
        nn("CAddTable"),
        nn("Reshape", size=[4, SIZE], nelement=4 * SIZE),
        nn("SplitTable", dimension=1, nInputDims=2),
        sequential(nn("Sigmoid"), nn("Tanh"), nn("Sigmoid"), nn("Sigmoid"), kind="ParallelTable"),
    )
    first = sequential(gates, nn("SelectTable", index=3), kind="ConcatTable")
    hidden = sequential(nn("NarrowTable", offset=1, length=2), nn("CMulTable"))
    kept = sequential(
        sequential(nn("SelectTable", index=3), nn("SelectTable", index=5), kind="ConcatTable"), nn("CMulTable")
    )
    cell = sequential(sequential(hidden, kept, kind="ConcatTable"), nn("CAddTable"))
    squashed = sequential(nn("SelectTable", index=1), nn("Tanh"))
    output = sequential(sequential(squashed, nn("SelectTable", index=2), kind="ConcatTable"), nn("CMulTable"))
    module = sequential(
        first,
        nn("FlattenTable"),
        sequential(cell, nn("SelectTable", index=4), kind="ConcatTable"),
        nn("FlattenTable"),
        sequential(output, nn("SelectTable", index=1), kind="ConcatTable"),
    )
    return nn("FastLSTM", inputSize=INPUTS, outputSize=SIZE, modules=[module])


def lstm_steps(x, weight, inner, bias, order):
    """Return the outputs of an LSTM whose gates i, g, f, o stand at `order`."""
    h = c = np.zeros((x.shape[1], SIZE))
    outputs = []
    for step in x:
        gates = step @ weight + h @ inner + bias
        i, g, f, o = (gates[:, k * SIZE : (k + 1) * SIZE] for k in order)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs)


def test_a_sequencer_runs_a_fast_lstm_over_a_tensor():
    weight, inner, bias = numbers(4 * SIZE, INPUTS), numbers(4 * SIZE, SIZE, seed=1), numbers(4 * SIZE, seed=2)
    x = numbers(STEPS, BATCH, INPUTS, seed=3)
    expected = lstm_steps(x, weight.T, inner.T, bias, (0, 1, 2, 3))
    check(nn("Sequencer", modules=[fast_lstm(weight, inner, bias)]), x, expected=expected)


def test_a_sequencer_over_a_table_gives_a_table_whose_items_stay():
    weight, inner, bias = numbers(4 * SIZE, INPUTS), numbers(4 * SIZE, SIZE, seed=1), numbers(4 * SIZE, seed=2)
    x = numbers(3, BATCH, INPUTS, seed=3)
    expected = list(lstm_steps(x, weight.T, inner.T, bias, (0, 1, 2, 3)))
    check(nn("Sequencer", modules=[fast_lstm(weight, inner, bias)]), list(x), expected=expected)


def test_a_recurrent_module_on_its_own_makes_one_step_from_zeros():
    weight, inner, bias = numbers(4 * SIZE, INPUTS), numbers(4 * SIZE, SIZE, seed=1), numbers(4 * SIZE, seed=2)
    x = numbers(BATCH, INPUTS, seed=3)
    check(fast_lstm(weight, inner, bias), x, expected=lstm_steps(x[None], weight.T, inner.T, bias, (0, 1, 2, 3))[0])


@pytest.mark.parametrize("batchfirst", [False, True])
def test_a_sequence_lstm_is_pytorchs_with_other_gate_order(batchfirst):
    weight, bias = numbers(INPUTS + SIZE, 4 * SIZE), numbers(4 * SIZE, seed=1)
    x = numbers(STEPS, BATCH, INPUTS, seed=2)
    ours = torch.nn.LSTM(INPUTS, SIZE)
    order = [0, 1, 3, 2]  # rnn: i, f, o, g; PyTorch: i, f, g, o
    blocks = torch.from_numpy(weight.T.copy()).reshape(4, SIZE, -1)[order].reshape(4 * SIZE, -1)
    with torch.no_grad():
        ours.weight_ih_l0.copy_(blocks[:, :INPUTS])
        ours.weight_hh_l0.copy_(blocks[:, INPUTS:])
        ours.bias_ih_l0.copy_(torch.from_numpy(bias).reshape(4, SIZE)[order].reshape(-1))
        ours.bias_hh_l0.zero_()
        expected = ours(torch.from_numpy(x))[0].numpy()
    module = nn(
        "SeqLSTM", inputsize=INPUTS, hiddensize=SIZE, outputsize=SIZE, weight=weight, bias=bias, batchfirst=batchfirst
    )
    if batchfirst:
        check(module, x.transpose(1, 0, 2).copy(), expected=expected.transpose(1, 0, 2))
    else:
        check(module, x, expected=expected)


def test_a_sequence_lstm_takes_first_states_and_masks_samples_of_zeros():
    weight, bias = numbers(INPUTS + SIZE, 4 * SIZE), numbers(4 * SIZE, seed=1)
    x = numbers(2, BATCH, INPUTS, seed=2)
    x[1, 0] = 0
    c0, h0 = numbers(BATCH, SIZE, seed=3), numbers(BATCH, SIZE, seed=4)
    module = nn("SeqLSTM", inputsize=INPUTS, hiddensize=SIZE, weight=weight, bias=bias, maskzero=True)
    (got,) = results(module, [c0, h0, x])
    assert (got[1, 0] == 0).all() and (got[1, 1] != 0).all()
    gates = x[0] @ weight[:INPUTS] + h0 @ weight[INPUTS:] + bias
    i, f, o, g = np.split(gates, 4, axis=1)
    c = sigmoid(f) * c0 + sigmoid(i) * np.tanh(g)
    np.testing.assert_allclose(got[0], sigmoid(o) * np.tanh(c), atol=1e-5)


def test_a_sequence_gru_keeps_u_of_its_state():
    weight, bias = numbers(INPUTS + SIZE, 3 * SIZE), numbers(3 * SIZE, seed=1)
    x = numbers(STEPS, BATCH, INPUTS, seed=2)
    h, expected = np.zeros((BATCH, SIZE)), []
    inward, inner = weight[:INPUTS], weight[INPUTS:]
    for step in x:
        gates = step @ inward + bias
        both = h @ inner[:, : 2 * SIZE]
        r, u = sigmoid(gates[:, :SIZE] + both[:, :SIZE]), sigmoid(gates[:, SIZE : 2 * SIZE] + both[:, SIZE:])
        candidate = np.tanh(gates[:, 2 * SIZE :] + (r * h) @ inner[:, 2 * SIZE :])
        h = (1 - u) * candidate + u * h
        expected.append(h)
    check(nn("SeqGRU", inputSize=INPUTS, outputSize=SIZE, weight=weight, bias=bias), x, expected=np.stack(expected))


def test_a_recurrent_starts_with_its_start_module_and_then_feeds_back():
    inward, feedback, start = numbers(SIZE, INPUTS), numbers(SIZE, SIZE, seed=1), numbers(SIZE, seed=2)
    x = numbers(3, BATCH, INPUTS, seed=3)
    modules = [nn("Add", bias=start), linear(inward), linear(feedback), nn("Tanh"), nn("CAddTable")]
    h = np.tanh(x[0] @ inward.T + start)
    expected = [h]
    for step in x[1:]:
        h = np.tanh(step @ inward.T + h @ feedback.T)
        expected.append(h)
    check(nn("Sequencer", modules=[nn("Recurrent", modules=modules)]), list(x), expected=expected)


def test_a_recurrence_starts_with_zeros_of_its_output_size():
    module = sequential(nn("JoinTable", dimension=2), linear(numbers(SIZE, INPUTS + SIZE)))
    weight = numbers(SIZE, INPUTS + SIZE)
    x = numbers(2, BATCH, INPUTS, seed=3)
    first = x[0] @ weight[:, :INPUTS].T
    second = np.concatenate([x[1], first], 1) @ weight.T
    recurrence = nn("Recurrence", modules=[module], outputSize=[SIZE], nInputDim=1)
    check(nn("Sequencer", modules=[recurrence]), list(x), expected=[first, second])


def test_mask_zero_clears_the_output_for_inputs_of_zeros():
    x = numbers(3, INPUTS)
    x[1] = 0
    bias = numbers(SIZE, seed=1)
    weight = numbers(SIZE, INPUTS, seed=2)
    expected = (x @ weight.T + bias) * np.array([[1], [0], [1]])
    check(nn("MaskZero", modules=[linear(weight, bias)], nInputDim=1), x, expected=expected)


def test_a_sequence_is_reversed_along_its_first_dimension():
    x = numbers(3, 2)
    check(nn("SeqReverseSequence", dim=1), x, expected=x[::-1])
