"""The geometry of windows over spatial axes, in each of Caffe2's notations (conv_pool_op_base.h)."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.caffe2.read.operator import OperatorReader

Ints = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Geometry:
    """The kernel, strides, dilations and pads (all begins, then all ends) over the spatial axes."""

    kernel: Ints
    strides: Ints
    dilations: Ints
    pads: Ints


def geometry(op: OperatorReader, axes: int) -> Geometry:
    """Return the geometry of an operator. A kernel that is not given is ()."""
    return Geometry(
        sizes(op, "kernel", axes, 0), sizes(op, "stride", axes, 1), sizes(op, "dilation", axes, 1), pads(op, axes)
    )


def sizes(op: OperatorReader, name: str, axes: int, default: int) -> Ints:
    """Return `<name>s`, `<name>`, or `<name>_h` and `<name>_w`, whichever is given; a default of 0 means ()."""
    listed = op.ints(f"{name}s")
    if listed:
        if len(listed) != axes:
            op.refuse(f"argument {op.type}.{name}s has {len(listed)} numbers for {axes} axes")
        return listed
    if op.has(f"{name}_h") or op.has(f"{name}_w"):
        return op.int(f"{name}_h"), op.int(f"{name}_w")
    value = op.int(name, default)
    return (value,) * axes if value else ()


def pads(op: OperatorReader, axes: int) -> Ints:
    """Return `pads`, `pad`, or `pad_t`, `pad_l`, `pad_b` and `pad_r`, whichever is given."""
    listed = op.ints("pads")
    if listed:
        if len(listed) != 2 * axes:
            op.refuse(f"argument {op.type}.pads has {len(listed)} numbers for {axes} axes")
        return listed
    sides = ("pad_t", "pad_l", "pad_b", "pad_r")
    if any(op.has(side) for side in sides):
        return tuple(op.int(side, 0) for side in sides)
    return (op.int("pad", 0),) * (2 * axes)
