"""Recurrent modules (rnn): a step takes the state of the step before, which is zero at first, as after forget()."""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import Concat, Expand, ReduceL1, Split
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.objects import LuaValue, Storage, Table, Tensor
from pipeline.torch7.tables import leaves
from pipeline.torch7.tree import walk


def zeros(net: Lowering, *shape: int) -> Value:
    """Return a state of zeros."""
    return net.computed(shape, lambda: np.zeros(shape, np.float32), "zeros")


def start(m: Module, x: Value, net: Lowering, name: str, size: int) -> Value:
    """Return the state before the first step: the one that the user set, or else zeros for every sample of x."""
    if isinstance(m.object.get(name), Tensor) and m.has(name):
        return net.weight(m.weight(name), name)
    return zeros(net, *x.shape[:-1], size)


def forget(m: Module, net: Lowering) -> None:
    """Let all modules in `m` forget their states."""
    for _, inner in walk(m.object):
        net.states.forget(id(inner))


def pair(x: TorchValue, net: Lowering) -> tuple[TorchValue, TorchValue]:
    """Return the two items of a table."""
    if not isinstance(x, tuple) or len(x) != 2:
        net.misfit("a table of two items", x)
    return x[0], x[1]


@module("nn.LSTM", "nn.FastLSTM")
def lstm(m: Module, x: Value, net: Lowering) -> TorchValue:
    """One step of an LSTM, whose module maps {input, output, cell} to {output, cell}."""
    size = m.count("outputSize")
    state = net.states.get(id(m.object))
    if state is None:
        zero = start(m, x, net, "userPrevOutput", size), start(m, x, net, "userPrevCell", size)
        state = net.states.first(m, zero)
    output, cell = pair(net.run(m.inner(1), (x, *pair(state, net))), net)
    net.states[id(m.object)] = output, cell
    return output


@module("nn.GRU", "nn.MuFuRu")
def gru(m: Module, x: Value, net: Lowering) -> TorchValue:
    """One step of a GRU, whose module maps {input, output} to the output."""
    state = net.states.get(id(m.object))
    if state is None:
        state = net.states.first(m, start(m, x, net, "userPrevOutput", m.count("outputSize")))
    output = net.run(m.inner(1), (x, state))
    net.states[id(m.object)] = output
    return output


@module("nn.Recurrent")
def recurrent(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """One step: transfer(merge(input(x), feedback(output))), but first transfer(start(input(x))).

    If its state is an input of the network, the first step is like the others.
    """
    first, inward, feedback, transfer, merge = children_of(m, 5, net)
    y = net.run(inward, x)
    state = net.states.get(id(m.object))
    if state is None and net.states.asked:
        state = net.states.first(m, net.run(transfer, net.run(first, y)))
    y = net.run(first, y) if state is None else net.run(merge, (y, net.run(feedback, state)))
    output = net.run(transfer, y)
    net.states[id(m.object)] = output
    return output


def children_of(m: Module, count: int, net: Lowering) -> list[Module]:
    """Return the modules inside, of which there must be `count`."""
    found = m.children()
    if len(found) != count:
        net.damaged(f"{count} modules", str(len(found)))
    return found


@module("nn.Recurrence")
def recurrence(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """One step of a module that takes {input, output}. The first output has the shape outputSize."""
    state = net.states.get(id(m.object))
    if state is None:
        first = net.current(next(iter(leaves(x))))
        batch = first.shape[: first.rank - m.int("nInputDim")]
        state = net.states.first(m, blank(m.object.get("outputSize"), batch, net))
    output = net.run(m.inner(1), (x, state))
    net.states[id(m.object)] = output
    return output


def blank(size: LuaValue, batch: tuple[int, ...], net: Lowering) -> TorchValue:
    """Return zeros of a size, or a table of them for a table of sizes."""
    if isinstance(size, Storage):
        return zeros(net, *batch, *(int(v) for v in size.data))
    if isinstance(size, int) and not isinstance(size, bool):
        return zeros(net, *batch, size)
    sizes = size.array() if isinstance(size, Table) else []
    numbers = [v for v in sizes if isinstance(v, int) and not isinstance(v, bool)]
    if not sizes:
        net.damaged("sizes as its outputSize", "none")
    if len(numbers) == len(sizes):
        return zeros(net, *batch, *numbers)
    return tuple([blank(v, batch, net) for v in sizes])


@module("nn.Recursor", "nn.BiSequencer", "nn.SeqBRNN", "nn.AbstractRecurrent")
def recursor(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the module inside."""
    return net.run(m.inner(1), x)


def steps(m: Module, sequence: list[TorchValue], net: Lowering) -> list[TorchValue]:
    """Run the module inside on each item, one after the other, and return copies of its outputs."""
    child = m.inner(1)
    if m.str("_remember", "neither") not in ("both", "eval"):
        forget(child, net)
    return [net.duplicate(net.run(child, item)) for item in sequence]


@module("nn.Sequencer")
def sequencer(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the module inside on every item of a table, or every slice along the first dimension of a tensor."""
    if isinstance(x, tuple):
        return tuple(steps(m, list(x), net))
    x = net.current(x)
    outputs = steps(m, [net.select(x, 0, i, part=f"step{i + 1}") for i in range(x.shape[0])], net)
    return stacked(net.tensors(outputs), net)


def stacked(items: tuple[Value, ...], net: Lowering, axis: int = 0, part: str = "") -> Value:
    """Return tensors stacked along a new axis."""
    rows = []
    for i, item in enumerate(items, 1):
        shape = (*item.shape[:axis], 1, *item.shape[axis:])
        rows.append(net.reshape(item, shape, part=f"{part}_output{i}".strip("_")))
    return net.add(Concat(axis=axis), *rows, part=part)


@module("nn.Repeater")
def repeater(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the module inside `rho` times on the same input, starting from zero states."""
    with net.states.from_zeros():
        return tuple(steps(m, [x] * m.count("rho"), net))


@module("nn.BiSequencerLM")
def language_bi_sequencer(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Run forward over all items but the last, and backward over all but the first; missing outputs are zeros."""
    forward, backward, merge = children_of(m, 3, net)
    if len(x) < 2:
        net.misfit("a table of two or more items", x)
    before, behind = net.run(forward, x[:-1]), net.run(backward, x[1:])
    if not isinstance(before, tuple) or not isinstance(behind, tuple):
        net.misfit("modules that give tables", (before, behind))
    first = zeros(net, *net.tensor(before[0]).shape)
    last = zeros(net, *net.tensor(behind[-1]).shape)
    return net.run(merge, ((first, *before), (*behind, last)))


@module("nn.MaskZero", "nn.TrimZero")
def mask_zero(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the module inside, and return zeros for every sample whose (first) input is all zeros."""
    first = net.current(next(iter(leaves(x))))
    dims = m.int("nInputDim")
    if first.rank not in (dims, dims + 1):
        net.misfit(f"a tensor of {dims} or {dims + 1} dimensions", x)
    axes = tuple(range(first.rank - dims, first.rank))
    size = net.add(ReduceL1(axes=axes, keepdims=1), first, part="size")
    keep = net.add("Sign", size, part="keep")  # 1, or 0 for a sample of zeros

    def masked(y: TorchValue, part: str) -> TorchValue:
        if isinstance(y, tuple):
            return tuple([masked(item, f"{part}{i}") for i, item in enumerate(y, 1)])
        now = net.current(y)
        shape = (*keep.shape[: first.rank - dims], *[1] * (now.rank - first.rank + dims))
        return net.add("Mul", now, net.reshape(keep, shape, part=f"{part}_keep"), part=part)

    return masked(net.run(m.inner(1), x), "masked")


@module("nn.SAdd")
def scalar_add(m: Module, x: Value, net: Lowering) -> Value:
    """y = x + addend, or -(x + addend)."""
    if not m.flag("negate"):
        return net.add("Add", x, net.constant(m.float("addend"), "addend"))
    return net.add("Sub", net.constant(-m.float("addend"), "addend"), x)


@module("nn.ExpandAs")
def expand_as(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Expand the second tensor to the shape of the first, and return both."""
    items = net.tensors(x)
    if len(items) != 2 or items[0].rank != items[1].rank:
        net.misfit("a table of two tensors of as many dimensions", x)
    return items[0], net.add(Expand(shape=items[0].shape), items[1])


@module("nn.SeqReverseSequence")
def reverse_sequence(m: Module, x: Value, net: Lowering) -> Value:
    """Reverse the order along a dimension."""
    axis = m.int("dim") - 1
    if not 0 <= axis < x.rank:
        net.misfit(f"a tensor with a dimension {axis + 1}", x)
    if x.shape[axis] == 1:
        return net.copy(x)
    slices = net.add_many(Split(split=(1,) * x.shape[axis], axis=axis), x, part="slices")
    return net.add(Concat(axis=axis), *slices[::-1])
