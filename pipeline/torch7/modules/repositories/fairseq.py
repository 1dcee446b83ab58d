"""fairseq-lua (facebookresearch/fairseq-lua). Read: fairseq/modules/*.lua, fairseq/models/fconv_model.lua."""

from __future__ import annotations

import math

import numpy as np

from pipeline.graph.operators import Concat, Gemm, Pad
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules import cudnn
from pipeline.torch7.modules.product import matrix_product
from pipeline.torch7.modules.recurrent import pair, stacked
from pipeline.torch7.modules.slicing import one_pad
from pipeline.torch7.modules.table import fold, item_of

module("nn.BeamableMM")(matrix_product)  # by beams in training only


@module("nn.AppendBias")
def append_bias(m: Module, x: Value, net: Lowering) -> Value:
    """Add a 1 at the end of the last dimension."""
    return net.add(Pad(pads=one_pad(x.rank, x.rank - 1, 0, 1), value=1.0), x)


@module("nn.CAddTableMulConstant")
def add_and_multiply(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The sum of all, times a constant."""
    with net.inside("sum"):
        total = fold("Sum", x, net)
    return net.add("Mul", total, net.constant(m.float("constant_scalar")))


@module("nn.CudnnRnnTable", inside="chain", items=lambda m: 2)
def cudnn_over_table(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """cuDNN's layers over a table of steps, {states, steps}, with what they end with: {states, outputs}.

    States are the hidden ones of all layers (layers, N, H), for an LSTM {cells, hidden}.
    """
    states, y = pair(x, net)
    for child in m.children():
        if child.object is m.object.get("rnn"):
            y, states = from_states(child, net.tensor(y), states, net)
        else:
            y = net.run(child, y)
    return states, y


def from_states(rnn: Module, x: Value, states: TorchValue, net: Lowering) -> tuple[Value, TorchValue]:
    """Run cuDNN's layers from states that are given; return the outputs and the states behind them."""
    layers = cudnn.layers_of(rnn, x, net)
    given = net.tensors(states[::-1] if isinstance(states, tuple) else (states,))  # the hidden ones first
    for state in given:
        if state.rank != 3 or state.shape[0] != layers or len(given) != 1 + (rnn.str("mode") == "CUDNN_LSTM"):
            net.misfit(f"states of {layers} layers, for an LSTM {{cells, hidden}}", states)
    taken = [net.select(state, 0, k, part=f"state{k + 1}_{i}") for k in range(layers) for i, state in enumerate(given)]
    running = cudnn.States(taken)
    y = cudnn.over(rnn, x, running, net)
    last = [value for value in running if value is not None]
    ends = [stacked(tuple(last[i :: len(given)]), net, part=f"states{i}") for i in range(len(given))]
    return y, tuple(ends[::-1]) if isinstance(states, tuple) else ends[0]


@module("nn.GradMultiply")
def gradient_multiply(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the module inside."""
    return net.run(m.inner(1), x)


@module("nn.SeqMultiply")
def sequence_multiply(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The first item times the root of the length of the second, a sequence (N, T, ...)."""
    first, second = (net.tensor(item_of(x, i, net)) for i in (1, 2))
    if second.rank < 2:
        net.misfit("a sequence of 2 dimensions or more as the second item", x)
    return net.add("Mul", first, net.constant(second.shape[1] * math.sqrt(1 / second.shape[1]), "scale"))


@module("nn.ZipAlong")
def zip_along(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """{{a, b}, v} gives {{a, v}, {b, v}}."""
    if len(x) < 2 or not isinstance(x[0], tuple):
        net.misfit("a table of a table and an element", x)
    return tuple([(item, x[1]) for item in x[0]])


@module("nn.TrainTestLayer", "nn.ConvBlockTrainTestLayer")
def train_test_layer(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """In evaluation the second of two modules, which is made from the first when evaluate() is called."""
    if m.flag("train", True):
        net.refuse("makes its module for evaluation when evaluate() is called", "call evaluate() before saving")
    return net.run(m.inner(2), x)


@module("nn.LinearizedConvolution", rank=3, unbatched="refused")
def linearized_convolution(m: Module, x: Value, net: Lowering) -> Value:
    """A convolution of the last of kw steps, (N, T, in), of which those before the first call are zeros."""
    width, weight = m.int("kw", 0), m.weight()
    if weight.ndim != 2 or weight.shape[1] != max(width, 1) * x.shape[2]:
        net.misfit(f"a step of features for which a weight of {'x'.join(map(str, weight.shape))} is made", x)
    if width > 1:
        last = net.narrow(x, 1, x.shape[1] - 1, 1, part="last")
        past = net.weight(np.zeros((x.shape[0], width - 1, x.shape[2]), np.float32), "past")
        x = net.add(Concat(axis=1), past, last, part="window")
    flat = net.reshape(x, (x.shape[0], -1), part="flat")
    y = net.add(Gemm(transB=1), flat, net.weight(weight), net.weight(m.weight("bias"), "bias"), part="product")
    return net.reshape(y, (x.shape[0], 1, -1))
