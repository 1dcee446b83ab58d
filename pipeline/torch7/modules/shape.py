"""Modules that rearrange the elements of one tensor."""

from __future__ import annotations

import math

from pipeline.graph.operators import DepthToSpace, Slice, Transpose
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module
from pipeline.torch7.modules.axes import axis_of


def sample_elements(m: Module) -> int:
    """Return the number of elements of a sample, or a divisor of it if `size` contains -1."""
    return math.prod(size for size in m.sizes("size") if size >= 0)


@module("nn.View", elements=sample_elements)
def view(m: Module, x: Value, net: Lowering) -> Value:
    """A view with `size`, after a batch dimension if there are more elements and no -1 in it (View.lua, batchsize)."""
    size = m.sizes("size")
    return net.reshape(x, viewed(m, x, net, size))


def viewed(m: Module, x: Value, net: Lowering, size: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that View makes of `x`, without -1."""
    elements = math.prod(s for s in size if s >= 0)
    dims = m.maybe_int("numInputDims")
    sample = x.shape[x.rank - min(dims, x.rank) :] if dims is not None else x.shape
    if elements == 0 or math.prod(sample) % elements:
        net.misfit(f"samples that view as {'x'.join(map(str, size))}", x)
    batch = 1 if -1 in size else math.prod(sample) // elements
    batch *= math.prod(x.shape[: x.rank - len(sample)])
    whole = batch == 1 and (dims is None or x.rank <= dims)
    shape = size if whole else (batch, *size)
    if not whole and -1 not in size and batch != x.shape[0] and x.shape[x.rank - len(size) :] != size:
        net.mixed.append(m)
    rest = math.prod(s for s in shape if s >= 0)
    if x.size % rest or (-1 not in shape and x.size != rest):
        net.misfit(f"samples that view as {'x'.join(map(str, size))}", x)
    return tuple(x.size // rest if s == -1 else s for s in shape)


@module("nn.Reshape", elements=sample_elements)
def reshape(m: Module, x: Value, net: Lowering) -> Value:
    """A view with `size`, after the batch dimension in batch mode.

    Without batchMode, x is no batch if the numbers of elements agree and its first dimension is not 1 (Reshape.lua).
    """
    size = m.sizes("size")
    batch_mode = m.object.get("batchMode")
    whole = math.prod(size) == x.size and x.shape[0] != 1 if batch_mode is None else batch_mode is False
    shape = size if whole else (x.shape[0], *size)
    if math.prod(shape) != x.size:
        net.misfit(f"{'' if whole else 'samples of '}{math.prod(size)} elements", x)
    return net.reshape(x, shape)


@module("nn.Transpose")
def transpose(m: Module, x: Value, net: Lowering) -> Value:
    """Swap pairs of dimensions, one after the other; the result has memory of its own."""
    dims = m.maybe_int("numInputDims")
    offset = 0 if dims is None else x.rank - dims
    perm = list(range(x.rank))
    for pair in m.pairs("permutations"):
        first, second = (axis_of(d + offset, x, net) for d in pair)
        perm[first], perm[second] = perm[second], perm[first]
    return net.add(Transpose(perm=tuple(perm)), x)


@module("nn.Squeeze")
def squeeze(m: Module, x: Value, net: Lowering) -> Value:
    """Drop dimension `dim` where it is 1, or all that are 1, but never the batch (Squeeze.lua)."""
    dims, dim = m.maybe_int("numInputDims"), m.maybe_int("dim")
    batched = dims is not None and x.rank == dims + 1
    if dim is not None:
        axis = axis_of(dim + int(batched), x, net)
        return net.reshape(x, (*x.shape[:axis], *x.shape[axis + 1 :]) if x.shape[axis] == 1 and x.rank > 1 else x.shape)
    shape = tuple(size for i, size in enumerate(x.shape) if size != 1 or (batched and i == 0))
    return net.reshape(x, shape or (1,))


@module("nn.Unsqueeze")
def unsqueeze(m: Module, x: Value, net: Lowering) -> Value:
    """Insert a dimension of 1 at `pos`, counted without the batch where numInputDims says so."""
    dims = m.maybe_int("numInputDims")
    axis = m.int("pos") - 1 + (0 if dims is None else x.rank - dims)
    if not 0 <= axis <= x.rank or (dims is not None and dims > x.rank):
        net.misfit(f"at least {max(axis, dims or 0)} dimensions", x)
    return net.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


@module("nn.Collapse")
def collapse(m: Module, x: Value, net: Lowering) -> Value:
    """One dimension of all, behind the batch where x has more than nInputDim dimensions (dpnn)."""
    return net.reshape(x, (x.shape[0], -1) if x.rank > m.int("nInputDim") else (-1,))


@module("nn.Convert")
def convert(m: Module, x: Value, net: Lowering) -> Value:
    """Rearrange from one layout to another, as from `bchw` to `bf`; b is the batch, which x may lack (Convert.lua)."""
    source, target = m.str("inputShape"), m.str("outputShape")
    if "*" in source:
        return x
    batched = x.rank == len(source)
    if not batched:
        place = source.index("b") if "b" in source else 0
        if x.rank != len(source) - 1:
            net.misfit(f"a tensor laid out as {source}", x)
        x = net.reshape(x, (*x.shape[:place], 1, *x.shape[place:]), part="batch")
    y = relaid(x, source, target, net)
    if batched:
        return y
    place = target.index("b")
    return net.reshape(y, (*y.shape[:place], *y.shape[place + 1 :]), part="sample")


def relaid(x: Value, source: str, target: str, net: Lowering) -> Value:
    """Return x transposed from one layout to another, with dimensions flattened to features, or dropped."""
    if sorted(source) == sorted(target):
        perm = tuple(source.index(letter) for letter in target)
        return x if source == target else net.add(Transpose(perm=perm), x)
    place = source.index("b")
    if target == "bf":
        swapped = list(range(x.rank))
        swapped[0], swapped[place] = place, 0
        front = x if place == 0 else net.add(Transpose(perm=tuple(swapped)), x, part="front")
        return net.reshape(front, (front.shape[0], -1))
    if target == "b" and x.rank == 2:
        other = 1 - place
        one = net.add(Slice(starts=(0,), ends=(1,), axes=(other,)), x, part="slice")
        return net.reshape(one, (x.shape[place],))
    if target == "bt" and source == "b":
        return net.reshape(x, (x.shape[0], 1))
    return net.refuse(f"converts {source} to {target}, which nn.Convert does not know")


@module("nn.PixelShuffle", rank=4)
def pixel_shuffle(m: Module, x: Value, net: Lowering) -> Value:
    """Channels become blocks of pixels."""
    return net.add(DepthToSpace(blocksize=m.count("upscaleFactor"), mode="CRD"), x)
