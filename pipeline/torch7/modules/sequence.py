"""Whole recurrent layers over sequences of a fixed length (rnn's SeqLSTM, SeqGRU), step by step."""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import ReduceL1
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.recurrent import stacked, zeros
from pipeline.torch7.tables import leaves


def sequence_of(
    m: Module, x: TorchValue, net: Lowering, axis: int, *sizes: int
) -> tuple[tuple[Value | None, ...], Value]:
    """Return the states before the first step (None: zeros) and the sequence, from x or {states..., x}.

    `axis` is that of the steps; `sizes` are those of the states. States that x does not contain may be network inputs.
    """
    table = (x,) if isinstance(x, Value) else x
    if len(table) > 1 + len(sizes) or not table:
        net.misfit(f"a tensor, or a table of up to {len(sizes)} states and a tensor", x)
    *given, last = net.tensors(table)
    if last.rank != 3:
        net.misfit("a sequence of 3 dimensions", x)
    if net.states.asked and not given:
        blank = tuple([zeros(net, last.shape[1 - axis], size) for size in sizes])
        given = list(leaves(net.states.first(m, blank)))
    return (*[None] * (len(sizes) - len(given)), *given), last


def handed_on(m: Module, states: tuple[Value | None, ...], net: Lowering) -> None:
    """Keep the states after the last step, if states are outputs of the network."""
    if net.states.asked and id(m.object) in net.states:
        net.states[id(m.object)] = tuple([state for state in states if state is not None])


def step_inputs(x: Value, axis: int, net: Lowering) -> list[Value]:
    """Return the inputs of all steps, (N, D) each."""
    return [net.select(x, axis, t, part=f"step{t + 1}") for t in range(x.shape[axis])]


def keep_of(m: Module, x: Value, net: Lowering) -> Value | None:
    """Return 0 for every sample of zeros and 1 for the others, (N, 1), with `maskzero`; else None."""
    if not m.flag("maskzero"):
        return None
    return net.add("Sign", net.add(ReduceL1(axes=(1,), keepdims=1), x, part="size"), part="keep")


def masked(y: Value, keep: Value | None, net: Lowering, part: str) -> Value:
    """Return y with zeros for the samples that are masked."""
    return y if keep is None else net.add("Mul", y, keep, part=part)


def affine(x: Value, state: Value | None, parts: tuple[np.ndarray, np.ndarray, np.ndarray], net: Lowering) -> Value:
    """Return x Wx + b, plus h Wh if there is a state."""
    inward, inner, bias = parts
    y = net.add("Gemm", x, net.weight(inward, "weight_x"), net.weight(bias, "bias"), part="x_gates")
    if state is None:
        return y
    other = net.add("Gemm", state, net.weight(inner, "weight_h"), None, part="h_gates")
    return net.add("Add", y, other, part="gates")


@module("nn.SeqLSTM", "nn.SeqLSTMP", rank=3, sizes=lambda m: {2: m.int("inputsize")})
def sequence_lstm(m: Module, x: TorchValue, net: Lowering) -> Value:
    """An LSTM over (T, N, D), or (N, T, D) with batchfirst; gates in the order i, f, o, g; {c0, h0, x} or {h0, x}.

    SeqLSTMP multiplies every output with weightO.
    """
    return lstm_over(m, x, net, (m.count("inputsize"), m.count("hiddensize")), int(m.flag("batchfirst")))


def lstm_over(m: Module, x: TorchValue, net: Lowering, sizes: tuple[int, int], axis: int) -> Value:
    """Run an LSTM along an axis of x, of rank 3; `sizes` are those of a step's input and of the state."""
    inputs, size = sizes
    weight, bias = m.weight(), m.weight("bias")
    projected = m.weight("weightO").shape[1] if m.has("weightO") else size
    (cell, hidden), sequence = sequence_of(m, x, net, axis, size, projected)
    if weight.shape != (inputs + size, 4 * size) and not m.has("weightO"):
        net.damaged(f"a weight of {inputs + size}x{4 * size}", "x".join(map(str, weight.shape)))
    outputs = []
    for t, step in enumerate(step_inputs(sequence, axis, net), 1):
        with net.inside(f"t{t}"):
            gates = affine(step, hidden, (weight[:inputs], weight[inputs:], bias), net)
            keep = keep_of(m, step, net)
            cell, hidden = lstm_step(gates, "ifog", cell, net)
            if m.has("weightO"):
                hidden = net.add("Gemm", hidden, net.weight(m.weight("weightO"), "weightO"), None, part="projected")
            cell, hidden = masked(cell, keep, net, "cell_kept"), masked(hidden, keep, net, "hidden_kept")
        outputs.append(hidden)
    handed_on(m, (cell, hidden), net)
    return stacked(tuple(outputs), net, axis=axis)


def lstm_step(gates: Value, order: str, cell: Value | None, net: Lowering) -> tuple[Value, Value]:
    """Return the cell f c + i tanh(g) and the hidden state o tanh(cell), of gates (N, 4 H) in this order."""
    size = gates.shape[1] // 4
    cut = {name: net.narrow(gates, 1, i * size, size, part=f"{name}_gate") for i, name in enumerate(order)}
    i, f, o = (net.add("Sigmoid", cut[name], part=name) for name in "ifo")
    fresh = net.add("Mul", i, net.add("Tanh", cut["g"], part="g"), part="fresh")
    kept = None if cell is None else net.add("Mul", f, cell, part="kept")
    cell = fresh if kept is None else net.add("Add", kept, fresh, part="cell")
    return cell, net.add("Mul", net.add("Tanh", cell, part="squashed"), o, part="hidden")


@module("nn.SeqGRU", rank=3, sizes=lambda m: {2: m.int("inputSize")})
def sequence_gru(m: Module, x: TorchValue, net: Lowering) -> Value:
    """A GRU over (T, N, D), or (N, T, D) with batchfirst; gates in the order r, u, candidate; {h0, x} or x."""
    parts = m.weight(), m.weight("bias")
    return gru_over(m, x, net, (m.count("inputSize"), m.count("outputSize")), parts, int(m.flag("batchfirst")))


def gru_over(
    m: Module, x: TorchValue, net: Lowering, sizes: tuple[int, int], parts: tuple[np.ndarray, np.ndarray], axis: int
) -> Value:
    """Run a GRU, given its weight and bias, along an axis of x, of rank 3; `sizes` as those of `lstm_over`."""
    (inputs, size), (weight, bias) = sizes, parts
    (hidden,), sequence = sequence_of(m, x, net, axis, size)
    if weight.shape != (inputs + size, 3 * size):
        net.damaged(f"a weight of {inputs + size}x{3 * size}", "x".join(map(str, weight.shape)))
    inner = weight[inputs:]
    outputs = []
    for t, step in enumerate(step_inputs(sequence, axis, net), 1):
        with net.inside(f"t{t}"):
            gates = net.add(
                "Gemm", step, net.weight(weight[:inputs], "weight_x"), net.weight(bias, "bias"), part="gates"
            )
            r, u, c = (net.narrow(gates, 1, i * size, size, part=f"{name}_gate") for i, name in enumerate("ruc"))
            keep = keep_of(m, step, net)
            hidden = gru_step((r, u, c), hidden, (inner[:, : 2 * size], inner[:, 2 * size :]), size, net)
            hidden = masked(hidden, keep, net, "kept")
        outputs.append(hidden)
    handed_on(m, (hidden,), net)
    return stacked(tuple(outputs), net, axis=axis)


def gru_step(
    gates: tuple[Value, Value, Value],
    hidden: Value | None,
    inner: tuple[np.ndarray, np.ndarray],
    size: int,
    net: Lowering,
) -> Value:
    """Return c + u (h - c). In SeqGRU, u is the share of the state that is kept."""
    r, u, c = gates
    if hidden is None:
        u, c = net.add("Sigmoid", u, part="u"), net.add("Tanh", c, part="candidate")
        return net.add("Sub", c, net.add("Mul", u, c, part="left"), part="hidden")
    both = net.add("Gemm", hidden, net.weight(inner[0], "weight_h"), None, part="h_gates")
    r = net.add("Sigmoid", net.add("Add", r, net.narrow(both, 1, 0, size, part="r_h"), part="r_sum"), part="r")
    u = net.add("Sigmoid", net.add("Add", u, net.narrow(both, 1, size, size, part="u_h"), part="u_sum"), part="u")
    reset = net.add("Mul", r, hidden, part="reset")
    c = net.add("Add", c, net.add("Gemm", reset, net.weight(inner[1], "weight_c"), None, part="c_h"), part="c_sum")
    c = net.add("Tanh", c, part="candidate")
    kept = net.add("Mul", u, net.add("Sub", hidden, c, part="change"), part="kept_part")
    return net.add("Add", c, kept, part="hidden")
