"""Modules that rearrange the elements of one tensor."""

from __future__ import annotations

import math

from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module
from pipeline.torch7.modules.axes import axis_of


@module("nn.View")
def view(m: Module, x: Value, net: Lowering) -> Value:
    """View as `size`; elements beyond numElements are the batch, without -1 in it (View.lua, batchsize)."""
    size = m.sizes("size")
    return net.reshape(x, viewed(m, x, net, size))


def viewed(m: Module, x: Value, net: Lowering, size: tuple[int, ...]) -> tuple[int, ...]:
    """Give the shape that View makes of `x`, without -1."""
    elements = math.prod(s for s in size if s >= 0)
    dims = m.maybe_int("numInputDims")
    sample = x.shape[x.rank - min(dims, x.rank) :] if dims is not None else x.shape
    if elements == 0 or math.prod(sample) % elements:
        net.misfit(f"samples that view as {'x'.join(map(str, size))}", x)
    batch = 1 if -1 in size else math.prod(sample) // elements
    batch *= math.prod(x.shape[: x.rank - len(sample)])
    whole = batch == 1 and (dims is None or x.rank <= dims)
    shape = size if whole else (batch, *size)
    rest = math.prod(s for s in shape if s >= 0)
    if x.size % rest or (-1 not in shape and x.size != rest):
        net.misfit(f"samples that view as {'x'.join(map(str, size))}", x)
    return tuple(x.size // rest if s == -1 else s for s in shape)


@module("nn.Reshape")
def reshape(m: Module, x: Value, net: Lowering) -> Value:
    """View as `size`, behind the batch dimension in batch mode.

    Undecided, it is no batch where the numbers of elements agree and the first dimension is not 1 (Reshape.lua).
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
    for position in range(1, len(m.table("permutations")) + 1):
        first, second = (axis_of(d + offset, x, net) for d in m.pair("permutations", position))
        perm[first], perm[second] = perm[second], perm[first]
    return net.add("Transpose", x, perm=tuple(perm))


@module("nn.SpatialZeroPadding")
def zero_padding(m: Module, x: Value, net: Lowering) -> Value:
    """Add rows and columns of zeros, or crop where negative."""
    return net.add("Pad", x, pads=image_pads(m, x, net))


def image_pads(m: Module, x: Value, net: Lowering) -> tuple[int, ...]:
    """Give the pads of an image's four sides for all axes of `x`, which are 3 or 4."""
    if x.rank not in (3, 4):
        net.misfit("a tensor of 3 or 4 dimensions", x)
    left = m.int("pad_l")
    right, top, bottom = (m.int(name, left) for name in ("pad_r", "pad_t", "pad_b"))
    kept = (0,) * (x.rank - 2)
    return (*kept, top, left, *kept, bottom, right)


@module("nn.SpatialReflectionPadding")
def reflection_padding(m: Module, x: Value, net: Lowering) -> Value:
    """Mirror the image at its borders."""
    return net.add("Pad", x, pads=image_pads(m, x, net), mode="reflect")


@module("nn.SpatialReplicationPadding")
def replication_padding(m: Module, x: Value, net: Lowering) -> Value:
    """Repeat the image's border."""
    return net.add("Pad", x, pads=image_pads(m, x, net), mode="edge")


@module("nn.SpatialUpSamplingNearest")
def upsampling_nearest(m: Module, x: Value, net: Lowering) -> Value:
    """Repeat every pixel `scale_factor` times in both directions."""
    if x.rank not in (3, 4):
        net.misfit("a tensor of 3 or 4 dimensions", x)
    scale = float(m.int("scale_factor"))
    return net.batched(x, 4, lambda b: net.add("Resize", b, scales=(1.0, 1.0, scale, scale), mode="nearest"))
