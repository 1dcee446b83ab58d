"""torch-rnn (jcjohnson/torch-rnn): layers over whole sequences, (N, T, D), and the model made of them.

Each starts from zeros, as after resetStates(): with `remember_states` Torch goes on from where the last call ended,
which --states makes inputs and outputs of.
Read: LSTM.lua, VanillaRNN.lua, GRU.lua (a branch), TemporalAdapter.lua and LanguageModel.lua.
"""

from __future__ import annotations

import numpy as np

from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, fields, module
from pipeline.torch7.modules.recurrent import stacked
from pipeline.torch7.modules.sequence import affine, gru_over, handed_on, lstm_over, sequence_of, step_inputs

OF_TORCH_RNN = fields("input_dim", "hidden_dim")


def sizes(m: Module) -> tuple[int, int]:
    """Return the number of features of a step's input, D, and of the state, H."""
    return m.int("input_dim"), m.int("hidden_dim")


@module("nn.LSTM", "nn.SequenceLSTM", where=OF_TORCH_RNN)
def lstm(m: Module, x: TorchValue, net: Lowering) -> Value:
    """An LSTM over (N, T, D); weight (D + H, 4 H), gates i, f, o, g; {c0, h0, x} or {h0, x} (torch-rnn)."""
    return lstm_over(m, x, net, sizes(m), axis=1)


@module("nn.GRU", where=OF_TORCH_RNN)
def gru(m: Module, x: TorchValue, net: Lowering) -> Value:
    """A GRU over (N, T, D); weight (D + H, 3 H), gates in the order u, r, candidate; h + u (candidate - h) (torch-rnn).

    What is kept of the state is 1 - u = sigmoid(-...), so that it is rnn's with u's columns negated.
    """

    def reordered(array: np.ndarray) -> np.ndarray:
        u, r, candidate = np.split(array, 3, axis=-1)
        return np.concatenate([r, -u, candidate], axis=-1)

    return gru_over(m, x, net, sizes(m), (reordered(m.weight()), reordered(m.weight("bias"))), axis=1)


@module("nn.VanillaRNN", "nn.SequenceRNN", where=OF_TORCH_RNN)
def vanilla_rnn(m: Module, x: TorchValue, net: Lowering) -> Value:
    """h = tanh(x Wx + b + h Wh) over (N, T, D); weight (D + H, H); {h0, x} or x (torch-rnn)."""
    (inputs, size), weight, bias = sizes(m), m.weight(), m.weight("bias")
    (hidden,), sequence = sequence_of(m, x, net, 1, size)
    if weight.shape != (inputs + size, size):
        net.damaged(f"a weight of {inputs + size}x{size}", "x".join(map(str, weight.shape)))
    outputs = []
    for t, step in enumerate(step_inputs(sequence, 1, net), 1):
        with net.inside(f"t{t}"):
            gates = affine(step, hidden, (weight[:inputs], weight[inputs:], bias), net)
            hidden = net.add("Tanh", gates, part="hidden")
        outputs.append(hidden)
    handed_on(m, (hidden,), net)
    return stacked(tuple(outputs), net, axis=1)


@module("nn.LanguageModel", where=fields("net", "rnns", "idx_to_token"), holds=("net",))
def language_model(m: Module, x: Value, net: Lowering) -> TorchValue:
    """Scores of the next token for indices (N, T) that count from 1 (torch-rnn)."""
    if x.rank != 2:
        net.misfit("indices of 2 dimensions, batch and time", x)
    return between_views(m.child("net"), x, (x.shape[0], x.shape[1]), net)


@module("nn.TemporalAdapter", holds=("net",))
def temporal_adapter(m: Module, x: Value, net: Lowering) -> TorchValue:
    """Run a module of (N, A) at every step of (N, T, A) (torch-rnn)."""
    if x.rank != 3:
        net.misfit("a sequence of 3 dimensions", x)
    return between_views(m.child("net"), x, (x.shape[0], x.shape[1]), net)


def between_views(chain: Module, x: TorchValue, sequence: tuple[int, int], net: Lowering) -> TorchValue:
    """Run a chain whose views are set before: of 3 dimensions (N, T, A) to (N T, A), of 2 back to (N, T, B)."""
    batch, steps = sequence
    for position, child in enumerate(chain.children(), 1):
        if child.kind != "nn.View":
            x = net.run(child, x)
            continue
        rows = (batch * steps,) if child.int("numInputDims") == 3 else (batch, steps)
        x = net.reshape(net.tensor(x), (*rows, -1), part=f"view{position}")
    return x
