"""crnn (bgshih/crnn): layers over tables of steps. Read: src/{LstmLayer,BiRnnJoin,SharedParallelTable}.lua."""

from __future__ import annotations

from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.recurrent import pair, zeros


@module("nn.LstmLayer", holds=("lstmUnit",))
def lstm_layer(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Run a unit of {x, cell, hidden}, which gives {cell, hidden, y}, over all steps, from the last on if `reverse`."""
    steps = list(net.tensors(x))
    if m.flag("reverse"):
        steps.reverse()
    states = pair(net.states.first(m, (zeros(net, steps[0].shape[0], m.int("nHidden")),) * 2), net)
    outputs = []
    for step in steps:
        given = net.duplicate(net.run(m.child("lstmUnit"), (step, *states)))
        if not isinstance(given, tuple) or len(given) != 3:
            net.misfit("a unit that gives the cell, the hidden state and the output", given)
        states, output = given[:2], given[2]
        outputs.append(output)
    net.states[id(m.object)] = states
    return tuple(outputs[::-1] if m.flag("reverse") else outputs)


@module("nn.BiRnnJoin", holds=("joinUnit",))
def bidirectional_join(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Run a unit on the i-th items of both tables."""
    forward, backward = pair(x, net)
    if not isinstance(forward, tuple) or not isinstance(backward, tuple) or len(forward) != len(backward):
        net.misfit("two tables of as many items", x)
    both = zip(forward, backward, strict=True)
    return tuple([net.duplicate(net.run(m.child("joinUnit"), items)) for items in both])


@module("nn.SharedParallelTable", holds=("unit",))
def shared_parallel_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Run one unit on every item."""
    return tuple([net.duplicate(net.run(m.child("unit"), item)) for item in x])
