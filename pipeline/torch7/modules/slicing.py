"""Modules that cut, repeat and pad along a dimension."""

from __future__ import annotations

from typing import NoReturn

from pipeline.graph.operators import Concat, Pad, Slice, Tile
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module
from pipeline.torch7.modules.axes import axis_of


@module("nn.Select")
def select(m: Module, x: Value, net: Lowering) -> Value:
    """The slice at `index` along `dimension`, copied."""
    axis = axis_of(m.int("dimension"), x, net)
    index = m.int("index")
    position = index - 1 if index > 0 else x.shape[axis] + index
    if not 0 <= position < x.shape[axis]:
        net.misfit(f"an index {index} along dimension {axis + 1}", x)
    one = net.add(Slice(starts=(position,), ends=(position + 1,), axes=(axis,)), x, part="slice")
    return net.reshape(one, (*x.shape[:axis], *x.shape[axis + 1 :]))


@module("nn.Narrow")
def narrow(m: Module, x: Value, net: Lowering) -> Value:
    """`length` slices from `index` on, copied; negative numbers count from the end (Narrow.lua)."""
    axis = axis_of(m.int("dimension"), x, net)
    index, length, size = m.int("index"), m.int("length", 1), x.shape[axis]
    if length < 0:
        length = size - index + length + 2
    if index < 0:
        index, length = 1, size - length
    if index < 1 or length < 1 or index - 1 + length > size:
        net.misfit(f"{length} slices from {index} on along dimension {axis + 1}", x)
    return net.add(Slice(starts=(index - 1,), ends=(index - 1 + length,), axes=(axis,)), x)


@module("nn.Replicate")
def replicate(m: Module, x: Value, net: Lowering) -> Value:
    """Repeat x along a new dimension `dim`, behind the batch where x has more than `ndim` dimensions."""
    ndim, count = m.maybe_int("ndim"), m.count("nfeatures")
    axis = m.int("dim", 1) - 1 + int(ndim is not None and x.rank > ndim)
    if not 0 <= axis <= x.rank:
        net.misfit(f"at least {axis} dimensions", x)
    one = net.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]), part="one")
    if count == 1:
        return one
    repeats = tuple(count if i == axis else 1 for i in range(x.rank + 1))
    y = net.add(Tile(repeats=repeats), one)

    def again(base: Value) -> Value:
        return net.builder.add(Tile(repeats=repeats), base, part="view")

    def overwritten(base: Value, new: Value) -> NoReturn:
        net.refuse(
            f"reads {base.name}, whose replica was overwritten in place",
            "make the module after the nn.Replicate not in-place",
        )

    return net.alias(y, one, again, overwritten)


@module("nn.Padding")
def padding(m: Module, x: Value, net: Lowering) -> Value:
    """Insert |pad| slices of `value` at `index`: counted from the end where pad is positive (Padding.lua)."""
    dims = m.maybe_int("nInputDim")
    axis = axis_of(m.int("dim") + int(dims is not None and x.rank != dims), x, net)
    pad, index, value, size = m.int("pad"), m.int("index", 1), m.float("value", 0.0), x.shape[axis]
    place = size - index + 1 if pad > 0 else index - 1  # the number of slices of x before the padding
    if not 0 <= place <= size:
        net.misfit(f"a place {index} along dimension {axis + 1}", x)
    if pad == 0:
        return net.copy(x)
    if place == 0:
        return net.add(Pad(pads=one_pad(x.rank, axis, abs(pad), 0), value=value), x)
    if place == size:
        return net.add(Pad(pads=one_pad(x.rank, axis, 0, abs(pad)), value=value), x)
    before = net.add(Slice(starts=(0,), ends=(place,), axes=(axis,)), x, part="before")
    after = net.add(Slice(starts=(place,), ends=(size,), axes=(axis,)), x, part="after")
    padded = net.add(Pad(pads=one_pad(x.rank, axis, 0, abs(pad)), value=value), before, part="padded")
    return net.add(Concat(axis=axis), padded, after)


def one_pad(rank: int, axis: int, begin: int, end: int) -> tuple[int, ...]:
    """Return the pads for all axes if only one of them is padded."""
    begins = tuple(begin if i == axis else 0 for i in range(rank))
    return begins + tuple(end if i == axis else 0 for i in range(rank))


def image_pads(m: Module, x: Value, net: Lowering) -> tuple[int, ...]:
    """Return the pads for all 3 or 4 axes of x, from those of the four sides of an image."""
    left = m.int("pad_l")
    right, top, bottom = (m.int(name, left) for name in ("pad_r", "pad_t", "pad_b"))
    kept = (0,) * (x.rank - 2)
    return (*kept, top, left, *kept, bottom, right)


@module("nn.SpatialZeroPadding", rank=4, unbatched="taken")
def zero_padding(m: Module, x: Value, net: Lowering) -> Value:
    """Add rows and columns of zeros, or crop where negative."""
    return net.add(Pad(pads=image_pads(m, x, net)), x)


@module("nn.SpatialReflectionPadding", rank=4, unbatched="taken")
def reflection_padding(m: Module, x: Value, net: Lowering) -> Value:
    """Mirror the image at its borders."""
    return net.add(Pad(pads=image_pads(m, x, net), mode="reflect"), x)


@module("nn.SpatialReplicationPadding", rank=4, unbatched="taken")
def replication_padding(m: Module, x: Value, net: Lowering) -> Value:
    """Repeat the image's border."""
    return net.add(Pad(pads=image_pads(m, x, net), mode="edge"), x)


@module("nn.VolumetricReplicationPadding", rank=5, unbatched="taken")
def volumetric_replication_padding(m: Module, x: Value, net: Lowering) -> Value:
    """Repeat the volume's border."""
    left = m.int("pleft")
    front, back, top, bottom, right = (m.int(f"p{side}", left) for side in ("front", "back", "top", "bottom", "right"))
    kept = (0,) * (x.rank - 3)
    return net.add(Pad(pads=(*kept, front, top, left, *kept, back, bottom, right), mode="edge"), x)


@module("nn.SpatialPadding")
def spatial_padding(m: Module, x: Value, net: Lowering) -> Value:
    """Add rows and columns of `val` along the dimensions y_dim and x_dim, or crop where negative (nnx)."""
    vertical = axis_of(m.int("y_dim", 2), x, net)
    horizontal = axis_of(m.int("x_dim", 3), x, net)
    pads = [0] * (2 * x.rank)
    left = m.int("pad_l")
    pads[horizontal], pads[x.rank + horizontal] = left, m.int("pad_r", left)
    pads[vertical], pads[x.rank + vertical] = m.int("pad_t", left), m.int("pad_b", left)
    return net.add(Pad(pads=tuple(pads), value=m.float("val", 0.0)), x)


@module("nn.SpatialCircularPadding", rank=4, unbatched="taken")
def circular_padding(m: Module, x: Value, net: Lowering) -> Value:
    """Continue the image at the opposite border (texture_nets)."""
    pads = image_pads(m, x, net)
    for axis, step in ((x.rank - 2, "rows"), (x.rank - 1, "columns")):
        begin, end, size = pads[axis], pads[x.rank + axis], x.shape[axis]
        if not (0 <= begin <= size and 0 <= end <= size):
            net.misfit(f"at least {max(begin, end)} {step}, and pads that are not negative", x)
        pieces = [net.narrow(x, axis, size - begin, begin, part=f"{step}_before")] if begin else []
        pieces.append(x)
        pieces += [net.narrow(x, axis, 0, end, part=f"{step}_after")] if end else []
        if len(pieces) > 1:
            x = net.add(
                Concat(axis=axis),
                *pieces,
                part="rows" if step == "rows" and any(pads[-1:] + pads[x.rank - 1 : x.rank]) else "",
            )
    return x


@module("nn.ShaveImage", rank=4, unbatched="taken")
def shave_image(m: Module, x: Value, net: Lowering) -> Value:
    """Cut `size` rows and columns off every side (fast-neural-style)."""
    size = -m.int("size")
    kept = (0,) * (x.rank - 2)
    return net.add(Pad(pads=(*kept, size, size) * 2), x)
