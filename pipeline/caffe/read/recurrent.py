"""LSTM and RNN, unrolled over the length of their input (recurrent_layer.cpp, lstm_layer.cpp, rnn_layer.cpp)."""

from __future__ import annotations

from collections import abc
from math import prod
from typing import NamedTuple

from pipeline.caffe.read.layer import LayerReader
from pipeline.caffe.read.reader import CaffeReader, reads
from pipeline.graph.operators import Concat, Gemm, Reshape, Split, Squeeze, Unsqueeze
from pipeline.graph.values import Value

Steps = tuple[Value, ...]  # (N, K) each
MOST_STEPS = 4096  # every step becomes a dozen nodes


class Sequence(NamedTuple):
    """The bottoms of a recurrent layer: x (T, N, ...), cont (T, N), a static input (N, ...), states (1, N, H)."""

    x: Value
    cont: Value
    static: Value | None
    states: tuple[Value, ...]
    hidden: int

    @property
    def inputs(self) -> int:
        """The number of inputs of a step of one sequence."""
        return prod(self.x.shape[2:])


def _sequence(layer: LayerReader, states: int) -> Sequence:
    fields = layer.param("recurrent_param")
    hidden, exposed = fields.int("num_output"), fields.flag("expose_hidden") * states
    bottoms = layer.take(2 + exposed, 3 + exposed)
    x, cont = bottoms[:2]
    static = bottoms[2] if len(bottoms) == 3 + exposed else None
    if x.rank < 2 or cont.shape != x.shape[:2] or hidden < 1:
        layer.invalid(f"num_output {hidden} for x of shape {x.shape} and cont of shape {cont.shape}")
    if static is not None and static.shape[:1] != x.shape[1:2]:
        layer.invalid(f"a static input of shape {static.shape} for x of shape {x.shape}")
    if x.shape[0] > MOST_STEPS:
        layer.refuse(f"{x.shape[0]} steps; up to {MOST_STEPS} are unrolled")
    first = bottoms[len(bottoms) - exposed :] if exposed else ()
    if any(state.shape != (1, x.shape[1], hidden) for state in first):
        layer.invalid(f"states must have the shape {(1, x.shape[1], hidden)}")
    return Sequence(x, cont, static, tuple(first), hidden)


def _steps(net: CaffeReader, rows: Value, steps: int, part: str) -> tuple[Value, ...]:
    """Return (T, N, K) as T values (N, K)."""
    pieces = (rows,) if steps == 1 else net.add_many(Split(axis=0, split=(1,) * steps), rows, part=part)
    return tuple(net.add(Squeeze(axes=(0,)), piece, part=f"{part}_at") for piece in pieces)


def _projected(net: CaffeReader, sequence: Sequence, weights: Value, bias: Value) -> tuple[Value, ...]:
    """Return the products (N, K) of each step of x and the weights, which are computed at once."""
    steps, inner = sequence.x.shape[0], sequence.inputs
    rows = net.add(Reshape(shape=(-1, inner)), sequence.x, part="rows")
    product = net.add(Gemm(transB=1), rows, weights, bias, part="projected")
    return _steps(net, net.add(Reshape(shape=(steps, -1, weights.shape[0])), product, part="sequence"), steps, "x")


def _conts(net: CaffeReader, sequence: Sequence) -> tuple[Value, ...]:
    steps = sequence.cont.shape[0]
    return _steps(net, net.add(Reshape(shape=(0, 0, 1)), sequence.cont, part="marks"), steps, "cont")


def _static(net: CaffeReader, sequence: Sequence, weights: Value | None) -> Value | None:
    if sequence.static is None or weights is None:
        return None
    rows = sequence.static
    if rows.rank != 2:
        rows = net.add(Reshape(shape=(0, weights.shape[1])), rows, part="static_rows")
    return net.add(Gemm(transB=1), rows, weights, None, part="static")


def _joined(net: CaffeReader, steps: list[Value]) -> Value:
    """Return T values (N, K) as (T, N, K)."""
    rows = [net.add(Unsqueeze(axes=(0,)), step, part="step") for step in steps]
    return rows[0] if len(rows) == 1 else net.add(Concat(axis=0), *rows, part="steps")


def _sum(net: CaffeReader, part: str, *terms: Value | None) -> Value:
    present = [term for term in terms if term is not None]
    return present[0] if len(present) == 1 else net.add("Sum", *present, part=part)


def _start(net: CaffeReader, sequence: Sequence, layer: LayerReader) -> list[Value | None]:
    """Return the first states (N, H): bottoms, or None for zeros."""
    if sequence.states:
        return [net.add(Squeeze(axes=(0,)), state, part="start") for state in sequence.states]
    net.notes.append(f"{layer}: starts from zeros in every run, where Caffe goes on from the run before")
    return []


def _weights(
    layer: LayerReader, net: CaffeReader, sequence: Sequence, gates: int, *more: tuple[int, ...]
) -> list[Value]:
    """Return the input weights, bias, static weights if there is a static input, and those of the shapes `more`."""
    width = gates * sequence.hidden
    static = [] if sequence.static is None else [(width, prod(sequence.static.shape[1:]))]
    shapes = [(width, sequence.inputs), (width,), *static, *more]
    return [net.weight(array, f"w{i}") for i, array in enumerate(net.parameters(layer, *shapes))]


@reads("LSTM")
def lstm(layer: LayerReader, net: CaffeReader) -> None:
    """Gates i, f, o, g; c = cont f c + i g, h = o tanh(c); cont of 0 starts a new sequence."""
    sequence = _sequence(layer, 2)
    size = sequence.hidden
    weights, bias, *between, recurrent = _weights(layer, net, sequence, 4, (4 * size, size))
    static = _static(net, sequence, between[0] if between else None)
    start = _start(net, sequence, layer) or [None, None]
    xs = _projected(net, sequence, weights, bias)
    states, cell = _unrolled(net, xs, _conts(net, sequence), recurrent, static, start)
    last = [states[-1], cell] if sequence.states else []
    net.give(layer, _joined(net, states), *(_joined(net, [state]) for state in last))


def _unrolled(
    net: CaffeReader,
    xs: Steps,
    conts: Steps | None,
    recurrent: Value,
    static: Value | None,
    start: abc.Sequence[Value | None],
) -> tuple[list[Value], Value]:
    """Return the hidden states of an LSTM, (N, H) a step, and its last cell; without `conts` no sequence ends."""
    size, states = recurrent.shape[1], list[Value]()
    hidden, cell = start
    for t, x in enumerate(xs):
        memory = None
        if hidden is not None:
            kept = net.add("Mul", hidden, conts[t], part=f"t{t}_kept") if conts else hidden
            memory = net.add(Gemm(transB=1), kept, recurrent, None, part=f"t{t}_memory")
        gates = _sum(net, f"t{t}_gates", x, static, memory)
        i, f, o, g = net.add_many(Split(axis=1, split=(size,) * 4), gates, part=f"t{t}_gate")
        entering = net.add(
            "Mul",
            net.add("Sigmoid", i, part=f"t{t}_i"),
            net.add("Tanh", g, part=f"t{t}_g"),
            part=f"t{t}_entering",
        )
        staying = None
        if cell is not None:
            forget = net.add("Sigmoid", f, part=f"t{t}_f")
            forget = net.add("Mul", forget, conts[t], part=f"t{t}_forget") if conts else forget
            staying = net.add("Mul", forget, cell, part=f"t{t}_staying")
        cell = _sum(net, f"t{t}_c", entering, staying)
        out = net.add("Sigmoid", o, part=f"t{t}_o")
        hidden = net.add("Mul", out, net.add("Tanh", cell, part=f"t{t}_tanh"), part=f"t{t}_h")
        states.append(hidden)
    assert cell is not None
    return states, cell


@reads("Lstm")
def junhyuk_lstm(layer: LayerReader, net: CaffeReader) -> None:
    """The LSTM of junhyukoh/caffe-lstm: x is (T N, ...), with batch_size N, or (T, N, I) in forks that read text.

    A second bottom is `cont` of Caffe's own; without it a sequence goes on to the end.
    """
    fields = layer.param("lstm_param")
    fields.ignore("clipping_threshold")
    bottoms, size, batch = layer.take(1, 2), fields.int("num_output"), fields.int("batch_size")
    x = bottoms[0]
    wide = x.rank == 3
    batch = x.shape[1] if wide else batch
    if size < 1 or batch < 1 or x.shape[0] % (1 if wide else batch):
        layer.invalid(f"num_output {size} and batch_size {batch} for shape {x.shape}")
    if wide and fields.has("batch_size"):
        layer.refuse("three axes and a batch_size: its forks disagree on them", "lstm_param.batch_size")
    steps = x.shape[0] if wide else x.shape[0] // batch
    if steps > MOST_STEPS:
        layer.refuse(f"{steps} steps; up to {MOST_STEPS} are unrolled")
    inner = x.size // (steps * batch)
    arrays = net.parameters(layer, (4 * size, inner), (4 * size, size), (4 * size,))
    weights, recurrent, bias = (net.weight(array, f"w{i}") for i, array in enumerate(arrays))
    conts = None
    if len(bottoms) == 2:
        if bottoms[1].size != steps * batch:
            layer.invalid(f"marks of shape {bottoms[1].shape} for {steps} steps of {batch}")
        net.notes.append(f"{layer}: starts from zeros in every run, where Caffe goes on from the run before")
        marks = net.add("Sign", net.add("Abs", bottoms[1], part="size"), part="marks")
        conts = _steps(net, net.reshape(marks, (steps, batch, 1), "marks"), steps, "cont")
    sequence = Sequence(net.reshape(x, (steps, batch, inner), "sequence"), x, None, (), size)
    states, _ = _unrolled(net, _projected(net, sequence, weights, bias), conts, recurrent, None, (None, None))
    joined = _joined(net, states)
    net.give(layer, joined if wide else net.reshape(joined, (steps * batch, size), "rows"))


@reads("RNN")
def rnn(layer: LayerReader, net: CaffeReader) -> None:
    """h = tanh(W_xh x + b_h + W_hh cont h), and the output is tanh(W_ho h + b_o)."""
    sequence = _sequence(layer, 1)
    size = sequence.hidden
    weights, bias, *between, recurrent, outward, out_bias = _weights(
        layer, net, sequence, 1, (size, size), (size, size), (size,)
    )
    static = _static(net, sequence, between[0] if between else None)
    conts = _conts(net, sequence)
    (hidden,) = _start(net, sequence, layer) or [None]
    outputs = []
    for t, x in enumerate(_projected(net, sequence, weights, bias)):
        memory = None
        if hidden is not None:
            kept = net.add("Mul", hidden, conts[t], part=f"t{t}_kept")
            memory = net.add(Gemm(transB=1), kept, recurrent, None, part=f"t{t}_memory")
        hidden = net.add("Tanh", _sum(net, f"t{t}_sum", x, static, memory), part=f"t{t}_h")
        product = net.add(Gemm(transB=1), hidden, outward, out_bias, part=f"t{t}_out")
        outputs.append(net.add("Tanh", product, part=f"t{t}_o"))
    last = [hidden] if sequence.states else []
    net.give(layer, _joined(net, outputs), *(_joined(net, [state]) for state in last if state is not None))
