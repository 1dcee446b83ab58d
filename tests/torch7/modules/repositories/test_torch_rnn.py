from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.errors import InvalidInputError, UsageError
from tests.support import numbers, sigmoid
from tests.torch7.fixtures import check, results
from tests.torch7.writer import nn, sequential

BATCH, INPUTS, SIZE, STEPS, TOKENS = 2, 3, 4, 5, 6


def layer(kind, blocks, inputs=INPUTS, **fields):
    weight, bias = numbers(inputs + SIZE, blocks * SIZE), numbers(blocks * SIZE, seed=1)
    return nn(kind, input_dim=inputs, hidden_dim=SIZE, weight=weight, bias=bias, remember_states=True, **fields)


def parts(module):
    weight = module.fields["weight"]
    return weight[:INPUTS], weight[INPUTS:], module.fields["bias"]


def test_its_lstm_is_pytorchs_with_other_gate_order():
    module, x = layer("LSTM", 4), numbers(BATCH, STEPS, INPUTS, seed=2)
    ours = torch.nn.LSTM(INPUTS, SIZE, batch_first=True)
    order = [0, 1, 3, 2]  # torch-rnn: i, f, o, g; PyTorch: i, f, g, o
    inward, inner, bias = (
        torch.from_numpy(np.ascontiguousarray(part.T)).reshape(4, SIZE, -1)[order].reshape(4 * SIZE, -1)
        for part in parts(module)
    )
    with torch.no_grad():
        ours.weight_ih_l0.copy_(inward)
        ours.weight_hh_l0.copy_(inner)
        ours.bias_ih_l0.copy_(bias.reshape(-1))
        ours.bias_hh_l0.zero_()
        expected = ours(torch.from_numpy(x))[0].numpy()
    check(module, x, expected=expected)


def test_its_lstm_takes_the_first_states_before_the_sequence():
    module, x = layer("LSTM", 4), numbers(BATCH, 1, INPUTS, seed=2)
    c0, h0 = numbers(BATCH, SIZE, seed=3), numbers(BATCH, SIZE, seed=4)
    inward, inner, bias = parts(module)
    i, f, o, g = np.split(x[:, 0] @ inward + h0 @ inner + bias, 4, axis=1)
    c = sigmoid(f) * c0 + sigmoid(i) * np.tanh(g)
    check(module, [c0, h0, x], expected=(sigmoid(o) * np.tanh(c))[:, None])


def test_its_gru_changes_the_state_by_u():
    module, x = layer("GRU", 3), numbers(BATCH, STEPS, INPUTS, seed=2)
    inward, inner, bias = parts(module)
    h, expected = np.zeros((BATCH, SIZE)), []
    for t in range(STEPS):
        u, r, c = np.split(x[:, t] @ inward + bias, 3, axis=1)
        u, r = sigmoid(u + h @ inner[:, :SIZE]), sigmoid(r + h @ inner[:, SIZE : 2 * SIZE])
        h = (1 - u) * h + u * np.tanh(c + (r * h) @ inner[:, 2 * SIZE :])
        expected.append(h)
    check(module, x, expected=np.stack(expected, 1))


@pytest.mark.parametrize("first", [False, True])
def test_a_vanilla_rnn_squashes_input_and_state(first):
    module, x = layer("VanillaRNN", 1), numbers(BATCH, STEPS, INPUTS, seed=2)
    inward, inner, bias = parts(module)
    h0 = numbers(BATCH, SIZE, seed=3) if first else np.zeros((BATCH, SIZE), np.float32)
    h, expected = h0, []
    for t in range(STEPS):
        h = np.tanh(x[:, t] @ inward + h @ inner + bias)
        expected.append(h)
    check(module, [h0, x] if first else x, expected=np.stack(expected, 1))


def language_model(*between):
    lookup = nn("LookupTable", weight=numbers(TOKENS, INPUTS, seed=5))
    scores = nn("Linear", weight=numbers(TOKENS, SIZE, seed=6), bias=numbers(TOKENS, seed=7))
    # The sizes that its views had in training do not count: another batch had been seen.
    flat, back = (nn("View", size=[9, -1], numElements=9, numInputDims=dims) for dims in (3, 2))
    rnn = layer("VanillaRNN", 1)
    net = sequential(lookup, rnn, *between, flat, scores, back)
    return nn("LanguageModel", net=net, rnns=[rnn], idx_to_token={1: "a"}), (lookup, rnn, scores)


def test_a_language_model_scores_every_step_of_every_sequence():
    model, (lookup, rnn, scores) = language_model(nn("Dropout", p=0.5, v2=True))
    tokens = np.array([[1, 6, 2], [3, 3, 5]], np.float32)
    (states,) = results(rnn, lookup.fields["weight"][tokens.astype(int) - 1])
    check(model, tokens, expected=states @ scores.fields["weight"].T + scores.fields["bias"])


def test_an_adapter_runs_its_module_at_every_step():
    flat, back = nn("View", size=[4, -1], numInputDims=3), nn("View", size=[2, 2, -1], numInputDims=2)
    weight, x = numbers(SIZE, INPUTS), numbers(BATCH, STEPS, INPUTS, seed=1)
    check(nn("TemporalAdapter", net=sequential(flat, nn("Linear", weight=weight), back)), x, expected=x @ weight.T)


def test_a_language_model_takes_batches_of_sequences_only():
    with pytest.raises(UsageError, match="batch and time"):
        results(language_model()[0], np.ones(3, np.float32))


def test_a_weight_of_another_layout_is_damage():
    module = layer("VanillaRNN", 2)
    with pytest.raises(InvalidInputError, match="a weight of 7x4, and has 7x8"):
        results(module, numbers(BATCH, STEPS, INPUTS))


def test_a_module_inside_a_field_of_its_own_is_damage():
    adapter = nn("TemporalAdapter")
    adapter.fields["net"] = sequential(adapter)
    with pytest.raises(InvalidInputError, match="not inside themselves"):
        results(adapter, numbers(BATCH, STEPS, INPUTS))
