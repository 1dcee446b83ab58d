"""cuDNN's recurrent layers over whole sequences (cudnn.torch, RNN.lua).

All weights are in one buffer. For each layer, and in it for each direction, it contains the matrices for the input, one
for each gate, and then those for the state. After all matrices, the biases follow in the same order. This is the order
of cudnnGetRNNLinLayerMatrixParams and ...BiasParams, and of the layers of Keras and PyTorch. The gates are in the order
of their linLayerID: i, f, g, o for an LSTM, and r, u, candidate for a GRU.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from pipeline.graph.operators import Concat, Gemm
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module
from pipeline.torch7.modules.recurrent import stacked, zeros
from pipeline.torch7.modules.sequence import lstm_step, step_inputs
from pipeline.torch7.tables import leaves

GATES = {"CUDNN_LSTM": 4, "CUDNN_GRU": 3, "CUDNN_RNN_RELU": 1, "CUDNN_RNN_TANH": 1}
Linear = tuple[np.ndarray, np.ndarray]  # weight (out, in) and bias
States = deque[Value | None]


@module(
    "cudnn.BGRU",
    "cudnn.BLSTM",
    "cudnn.GRU",
    "cudnn.LSTM",
    "cudnn.RNN",
    "cudnn.RNNReLU",
    "cudnn.RNNTanh",
)
def recurrent(m: Module, x: Value, net: Lowering) -> Value:
    """Layers of an LSTM, GRU or plain RNN over (T, N, D), or (N, T, D) with batchFirst, in one or both directions.

    It starts from zeros: with rememberStates Torch goes on from where the last call ended, which --states makes inputs
    and outputs of.
    """
    if m.has("hiddenInput") and not m.flag("rememberStates"):
        net.refuse("starts from states that were set as its hiddenInput", "set it to nil before saving")
    count = layers_of(m, x, net)
    zero = zeros(net, x.shape[1 - int(m.flag("batchFirst"))], m.count("hiddenSize"))
    each = 1 + (m.str("mode") == "CUDNN_LSTM")
    states = States((zero, None)[:each] * count)
    if net.states.asked:
        states = States(leaves(net.states.first(m, (zero,) * (count * each))))
    y = over(m, x, states, net)
    if net.states.asked:
        net.states[id(m.object)] = tuple([state for state in states if state is not None])
    return y


def layers_of(m: Module, x: Value, net: Lowering) -> int:
    """Return the number of layers times directions. Refuses a module that cannot run on `x`."""
    mode = m.str("mode")
    if mode not in GATES or m.str("inputMode", "CUDNN_LINEAR_INPUT") != "CUDNN_LINEAR_INPUT":
        net.refuse(f"runs cuDNN's {mode} with {m.str('inputMode', 'an input')}, whose layout is not known")
    if x.rank != 3 or x.shape[2] != m.int("inputSize"):
        net.misfit(f"a sequence of 3 dimensions, the last {m.int('inputSize')}", x)
    layers = m.int("numLayers")
    if m.int("hiddenSize") < 1 or not 1 <= layers <= m.weight().size:
        net.damaged("layers and a size of their state", f"{layers} layers of {m.int('hiddenSize')}")
    return layers * (2 if m.str("bidirectional", "") == "CUDNN_BIDIRECTIONAL" else 1)


def over(m: Module, x: Value, states: States, net: Lowering) -> Value:
    """Run the layers over a sequence, starting from `states`, which are replaced by the final states.

    They are, for each layer and in it for each direction, the hidden state, and the cell of an LSTM (None: zeros).
    """
    mode, both = m.str("mode"), m.str("bidirectional", "") == "CUDNN_BIDIRECTIONAL"
    axis, parameters = int(m.flag("batchFirst")), iter(linears(m, GATES[mode], 1 + both, net))
    steps = step_inputs(x, axis, net)
    for layer in range(1, m.int("numLayers") + 1):
        with net.inside(f"layer{layer}"):
            outputs = run(steps, mode, next(parameters), states, net)
            if both:
                with net.inside("backward"):
                    backward = run(steps[::-1], mode, next(parameters), states, net)[::-1]
                pairs = enumerate(zip(outputs, backward, strict=True), 1)
                outputs = [net.add(Concat(axis=1), *pair, part=f"t{t}") for t, pair in pairs]
        steps = outputs
    return stacked(tuple(steps), net, axis=axis)


def linears(m: Module, gates: int, directions: int, net: Lowering) -> list[tuple[Linear, Linear]]:
    """Return, for each layer and direction, the linear maps of the input and of the state to all gates."""
    size, layers, buffer = m.int("hiddenSize"), m.int("numLayers"), m.weight().reshape(-1)
    inputs = [m.int("inputSize") if layer == 0 else size * directions for layer in range(layers)]
    widths = [width for width in inputs for _ in range(directions)]
    rows = gates * size
    matrices = sum(rows * (width + size) for width in widths)
    if buffer.size != matrices + 2 * rows * len(widths):
        net.refuse(f"has {buffer.size} weights, where its layers need {matrices + 2 * rows * len(widths)}")
    biases = buffer[matrices:].reshape(len(widths), 2, rows)
    found, start = [], 0
    for width, (bias, state_bias) in zip(widths, biases, strict=True):
        middle, end = start + rows * width, start + rows * (width + size)
        inward, inner = buffer[start:middle].reshape(rows, width), buffer[middle:end].reshape(rows, size)
        found.append(((inward, bias), (inner, state_bias)))
        start = end
    return found


def run(steps: list[Value], mode: str, parameters: tuple[Linear, Linear], states: States, net: Lowering) -> list[Value]:
    """Run one layer in one direction over its steps, (N, D) each.

    Its states are taken from the front of `states`, and its final ones are appended.
    """
    inward, inner = parameters
    hidden = states.popleft()
    assert hidden is not None
    cell = states.popleft() if mode == "CUDNN_LSTM" else None
    outputs = []
    for t, step in enumerate(steps, 1):
        with net.inside(f"t{t}"):
            given, kept = linear(step, inward, net, "x"), linear(hidden, inner, net, "h")
            if mode == "CUDNN_LSTM":
                cell, hidden = lstm_step(net.add("Add", given, kept, part="gates"), "ifgo", cell, net)
            elif mode == "CUDNN_GRU":
                hidden = gru_step(given, kept, hidden, net)
            else:
                squash = "Relu" if mode == "CUDNN_RNN_RELU" else "Tanh"
                hidden = net.add(squash, net.add("Add", given, kept, part="sum"), part="hidden")
        outputs.append(hidden)
    states.extend((hidden, cell) if mode == "CUDNN_LSTM" else (hidden,))
    return outputs


def linear(x: Value, parameters: Linear, net: Lowering, part: str) -> Value:
    """Return the linear map of x for all gates."""
    weight, bias = parameters
    operator = Gemm(transB=1)
    return net.add(
        operator, x, net.weight(weight, f"weight_{part}"), net.weight(bias, f"bias_{part}"), part=f"{part}_gates"
    )


def gru_step(given: Value, kept: Value, hidden: Value, net: Lowering) -> Value:
    """Return c + u (h - c), where the candidate c uses r times the mapped state, not the map of r times the state."""
    size = hidden.shape[1]
    parts = [
        [net.narrow(v, 1, i * size, size, part=f"{name}_{part}") for i, name in enumerate("ruc")]
        for v, part in ((given, "x"), (kept, "h"))
    ]
    r, u = (
        net.add("Sigmoid", net.add("Add", parts[0][i], parts[1][i], part=f"{name}_sum"), part=name)
        for i, name in enumerate("ru")
    )
    reset = net.add("Mul", r, parts[1][2], part="reset")
    c = net.add("Tanh", net.add("Add", parts[0][2], reset, part="c_sum"), part="candidate")
    change = net.add("Mul", u, net.add("Sub", hidden, c, part="change"), part="kept_part")
    return net.add("Add", c, change, part="hidden")
